// The worker of Restate: a workflow with one durable step. It is started, does the step, and completes.
//
// usage: node one.mjs PORT, in a folder whose node_modules have the SDK
import * as restate from "@restatedev/restate-sdk";

// The SDK wants it; Node has it from 22 on.
Promise.withResolvers ??= function () {
    let resolve, reject;
    const promise = new Promise((...both) => ([resolve, reject] = both));
    return { promise, resolve, reject };
};

const one = restate.workflow({
    name: "one",
    handlers: {
        run: async (context, order) => {
            const ok = await context.run("work", () => order.id !== undefined);
            return { ok };
        },
    },
});

restate.serve({ services: [one], port: Number(process.argv[2]) });
