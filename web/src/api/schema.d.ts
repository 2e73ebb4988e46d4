// Made from openapi.json by `npm run client`. Do not edit.

export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says what this is. */
        get: operations["welcome"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says that the server runs. */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says whether the unit takes requests. */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says what the unit counts, as `unit.metrics` does. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs a browser in with a password: it gets a cookie. For pages of the unit itself; programs use `session.create`. */
        post: operations["sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the session of a browser and takes its cookie back. */
        post: operations["sign_out"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what changes, as server-sent events.
         * @description `hello` with the last commit, then `changed` with a commit and what it or those before it have changed of what the caller watches and may read; `ended` when his credential ends. docs/guides/live.md has the topics.
         */
        get: operations["watch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns this document. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists who did what and what was refused, the newest first; looks at so much of the log at a time.
         * @description Needs the right Read.
         */
        get: operations["audit.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows how far a bulk operation is, and what went wrong.
         * @description Needs the right Read.
         */
        get: operations["bulk.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists bulk operations.
         * @description Needs the right Read.
         */
        get: operations["bulk.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Does to all instances that a filter finds what can be done to one.
         * @description Needs the right Manage.
         */
        post: operations["bulk.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/bulk/{name}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a bulk operation make no more calls.
         * @description Needs the right Manage.
         */
        post: operations["bulk.stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clocks/advance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Moves the business clock of a unit that was started with a driven one.
         * @description Needs the right Manage.
         */
        post: operations["clock.advance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the business and the wall time.
         * @description Needs the right Read.
         */
        get: operations["clock.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/commands/{name}/answer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answers a command, as the device does over MQTT.
         * @description Needs the right Run.
         */
        post: operations["command.answer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/commands/{name}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a command back.
         * @description Needs the right Run.
         */
        post: operations["command.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/commands/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a command.
         * @description Needs the right Read.
         */
        get: operations["command.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists commands, the newest first.
         * @description Needs the right Read.
         */
        get: operations["command.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accepts a proposal (as provider) or a document that was shown (as consumer).
         * @description Needs the right Manage.
         */
        post: operations["contract.accept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Calls a capability of the provider; the answer comes later.
         * @description Needs the right Run.
         */
        post: operations["contract.call"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the calls under a contract, the newest last.
         * @description Needs the right Read.
         */
        get: operations["contract.calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/disputes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the receipts of a contract that are in dispute, and why.
         * @description Needs the right Read.
         */
        get: operations["contract.disputes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/fetch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reads rows of a relation that is lent to the peer that asks, a page at a time.
         * @description Needs the right Read.
         */
        post: operations["contract.fetch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a contract with its document and both signatures.
         * @description Needs the right Read.
         */
        get: operations["contract.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the contracts.
         * @description Needs the right Read.
         */
        get: operations["contract.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/propose": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks a peer for a contract over some of its offers, or offers one to it.
         * @description Needs the right Manage.
         */
        post: operations["contract.propose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a contract that is not in force yet.
         * @description Needs the right Manage.
         */
        post: operations["contract.reject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a contract: new calls are refused from this commit on, open ones end as it says.
         * @description Needs the right Manage.
         */
        post: operations["contract.revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/settle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a dispute by accepting what the other side says: the consumer signs, the provider waives.
         * @description Needs the right Manage.
         */
        post: operations["contract.settle"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contracts/{name}/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Withdraws an open call; an answer that was committed before stands.
         * @description Needs the right Run.
         */
        post: operations["contract.withdraw"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/data/erase": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks that all rows of a subject be erased, from streams, tables and the disk.
         * @description Needs the right Manage.
         */
        post: operations["data.erase"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/data/erasures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the erasures and how far they are; waits for one where it is asked to.
         * @description Needs the right Manage.
         */
        get: operations["data.erasures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/data/find": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Counts the rows of a subject, stream by stream. Changes nothing.
         * @description Needs the right Manage.
         */
        post: operations["data.find"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions/{name}/evaluate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Evaluates a decision; the answer comes later.
         * @description Needs the right Run.
         */
        post: operations["decision.evaluate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions/{name}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Evaluates a decision and tells which rules fired, in it and in the decisions behind it.
         * @description Needs the right Read.
         */
        post: operations["decision.explain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a decision: its diagram and tables, and which processes ask for it.
         * @description Needs the right Read.
         */
        get: operations["decision.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists decisions, and which processes ask for them.
         * @description Needs the right Read.
         */
        get: operations["decision.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/add_credential": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a device a token, which is shown once, or has a certificate stand for it.
         * @description Needs the right Manage.
         */
        post: operations["device.add_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/command": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a device a command, which waits for it until its deadline.
         * @description Needs the right Run.
         */
        post: operations["device.command"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists devices, by name: all, or those that are as wanted.
         * @description Needs the right Read.
         */
        get: operations["device.list"];
        put?: never;
        /**
         * Registers a device, without a folder of manifests.
         * @description Needs the right Manage.
         */
        post: operations["device.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a device: its manifest, whether it is there, by what it is known.
         * @description Needs the right Read.
         */
        get: operations["device.get"];
        put?: never;
        post?: never;
        /**
         * Removes a device with its credentials, its twin, its commands and its sessions. What it has reported stays in its streams.
         * @description Needs the right Manage.
         */
        delete: operations["device.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns what happened to a device: the last ones, or those behind a place.
         * @description Needs the right Read.
         */
        get: operations["device.events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/pending": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a device what waits for it: commands that are open, and desired state that it does not know.
         * @description Needs the right Read.
         */
        get: operations["device.pending"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes telemetry or events of a device, rows as JSON; what is no row of the stream is set aside.
         * @description Needs the right Write.
         */
        post: operations["device.report"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/revoke_credential": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a credential of a device: nobody is let in by it any more.
         * @description Needs the right Manage.
         */
        post: operations["device.revoke_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes what is desired of a device, by a JSON merge patch.
         * @description Needs the right Write.
         */
        post: operations["device.set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/tell": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes the reported state of a device: a merge patch (RFC 7396).
         * @description Needs the right Write.
         */
        post: operations["device.tell"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/twin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the twin of a device: reported and desired state, last telemetry; as it is, or as it was.
         * @description Needs the right Read.
         */
        get: operations["device.twin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/devices/{name}/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes what is declared of a device; what is not named stays.
         * @description Needs the right Manage.
         */
        post: operations["device.update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/card": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows who this unit is and with which keys it signs.
         * @description Needs the right Read, which the policies may give to callers without a credential.
         */
        get: operations["exchange.card"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes messages of a peer, in order and each once.
         * @description Needs the right Write.
         */
        post: operations["exchange.messages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/outbox": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Gives a peer that polls the messages for it.
         * @description Needs the right Read.
         */
        get: operations["exchange.outbox"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/recall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Gives a peer that was restored receipts, or answers that it was given, a page at a time.
         * @description Needs the right Read.
         */
        get: operations["exchange.recall"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/reconcile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tells a peer that was restored from a backup what this unit holds of their dealings.
         * @description Needs the right Write.
         */
        post: operations["exchange.reconcile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what a unit that was restored has got back from its peers, and which it waits for.
         * @description Needs the right Read.
         */
        get: operations["exchange.reconciliation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/skip": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets a unit that was restored take calls without a peer that cannot be asked.
         * @description Needs the right Manage.
         */
        post: operations["exchange.skip"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exchange/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counts messages sent and received by peer, and what still waits.
         * @description Needs the right Read.
         */
        get: operations["exchange.status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adds a picture or a document to be named in a form; the same bytes are one file.
         * @description Needs the right Write.
         */
        post: operations["file.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows how large a file is, what it is, and who added it.
         * @description Needs the right Read.
         */
        get: operations["file.get"];
        put?: never;
        post?: never;
        /**
         * Deletes a file, whoever has added it; what names it names nothing then.
         * @description Needs the right Manage.
         */
        delete: operations["file.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the bytes of a file.
         * @description Needs the right Read.
         */
        get: operations["file.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/forms/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a form.
         * @description Needs the right Read.
         */
        get: operations["form.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/forms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists forms.
         * @description Needs the right Read.
         */
        get: operations["form.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/incidents/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows an incident, and the variables that the element sees.
         * @description Needs the right Read.
         */
        get: operations["incident.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/incidents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists incidents.
         * @description Needs the right Read.
         */
        get: operations["incident.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/incidents/{name}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes variables and tries again, in place.
         * @description Needs the right Run.
         */
        post: operations["incident.resolve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends an instance and withdraws what it asked for.
         * @description Needs the right Run.
         */
        post: operations["instance.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows an active instance.
         * @description Needs the right Read.
         */
        get: operations["instance.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what an instance, active or over, has done: its path, flows, tasks, calls, decisions and incidents.
         * @description Needs the right Read.
         */
        get: operations["instance.history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists instances: those that are active, the oldest first, or by `state` and `newest` any, the newest first.
         * @description Needs the right Read.
         */
        get: operations["instance.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/migrate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes an instance over to another version of its process.
         * @description Needs the right Manage.
         */
        post: operations["instance.migrate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends an element of an instance and begins another in its place.
         * @description Needs the right Manage.
         */
        post: operations["instance.move"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a suspended instance take what came meanwhile, in order, and go on.
         * @description Needs the right Run.
         */
        post: operations["instance.resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/set_variables": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes variables of an instance, or of an element of it.
         * @description Needs the right Manage.
         */
        post: operations["instance.set_variables"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/instances/{name}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has an instance take nothing until it is resumed: no timers, jobs, messages, results.
         * @description Needs the right Run.
         */
        post: operations["instance.suspend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives jobs of a type to a worker.
         * @description Needs the right Run.
         */
        post: operations["job.activate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{name}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Finishes a job.
         * @description Needs the right Run.
         */
        post: operations["job.complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{name}/error": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a job with a BPMN error.
         * @description Needs the right Run.
         */
        post: operations["job.error"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{name}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says that a try of a job failed.
         * @description Needs the right Run.
         */
        post: operations["job.fail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a job.
         * @description Needs the right Read.
         */
        get: operations["job.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists jobs.
         * @description Needs the right Read.
         */
        get: operations["job.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the keys with which this unit has signed, signs, and will sign.
         * @description Needs the right Read.
         */
        get: operations["key.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/prepare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes the next signing key, and says what a root that is kept elsewhere has to sign.
         * @description Needs the right Manage.
         */
        post: operations["key.prepare"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a signing key: what it signs later does not count, what it has signed before does.
         * @description Needs the right Manage.
         */
        post: operations["key.revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publishes the next signing key and signs with it from this commit on; peers are told.
         * @description Needs the right Manage.
         */
        post: operations["key.rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kpis/{name}/evaluate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has windows of the past evaluated.
         * @description Needs the right Manage.
         */
        post: operations["kpi.evaluate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kpis/{name}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Goes down from a value of a KPI to the rows behind it.
         * @description Needs the right Read.
         */
        post: operations["kpi.explain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kpis/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a KPI with its values.
         * @description Needs the right Read.
         */
        get: operations["kpi.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/kpis": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists KPIs with their latest values.
         * @description Needs the right Read.
         */
        get: operations["kpi.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what is owed, by contract and capability.
         * @description Needs the right Read.
         */
        get: operations["ledger.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics/{name}/query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Returns the values of a metric by any of its dimensions, calculated from the rows.
         * @description Needs the right Read.
         */
        post: operations["metric.query"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the values of a metric by all its dimensions.
         * @description Needs the right Read.
         */
        get: operations["metric.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mqtt_sessions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a session: its client, its subscriptions, what waits for it.
         * @description Needs the right Read.
         */
        get: operations["mqtt_session.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mqtt_sessions/{name}/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends the connection of a session; the session too, where that is wanted.
         * @description Needs the right Manage.
         */
        post: operations["mqtt_session.kill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/mqtt_sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists sessions of MQTT clients, by number.
         * @description Needs the right Read.
         */
        get: operations["mqtt_session.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the machine: processors, memory, disk, file handles, and what is used of them.
         * @description Needs the right Read.
         */
        get: operations["node.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/offers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists this unit's offers, or what a peer offers to it.
         * @description Needs the right Read.
         */
        get: operations["offer.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/offers/offered": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what this unit offers to the peer that asks.
         * @description Needs the right Read.
         */
        get: operations["offer.offered"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/packages/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs the digest of a package with this unit's signing key, for others to check.
         * @description Needs the right Manage.
         */
        post: operations["package.sign"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/peers/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes another unit, or an outside customer with a key, known to this one.
         * @description Needs the right Manage.
         */
        post: operations["peer.add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/peers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a peer, its card, and how the link to it is.
         * @description Needs the right Read.
         */
        get: operations["peer.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/peers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the peers.
         * @description Needs the right Read.
         */
        get: operations["peer.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/peers/{name}/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forgets a peer with whom there is no contract any more.
         * @description Needs the right Manage.
         */
        post: operations["peer.remove"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says whether somebody may do something, and which policies decide.
         * @description Needs the right Read.
         */
        post: operations["policy.check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/mine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says which operations the caller may do, each on all resources or on some.
         * @description Needs the right Read.
         */
        get: operations["policy.mine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/who": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says who may do something on a resource, and by which policies.
         * @description Needs the right Read.
         */
        post: operations["policy.who"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/policies/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says step by step why somebody may do something, or what is missing.
         * @description Needs the right Read.
         */
        post: operations["policy.why"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a process: its diagram, its versions, and for each element how often, how long, and where it stands still.
         * @description Needs the right Read.
         */
        get: operations["process.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists processes with how many instances each has: active, stopped, finished.
         * @description Needs the right Read.
         */
        get: operations["process.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes/{name}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a message to an instance of the process that waits for it, or has it start one.
         * @description Needs the right Run.
         */
        post: operations["process.publish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a suspended process start instances again: first what waited for it.
         * @description Needs the right Run.
         */
        post: operations["process.resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes/{name}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Starts a process.
         * @description Needs the right Run.
         */
        post: operations["process.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/processes/{name}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a process start no new instances until it is resumed; its instances go on.
         * @description Needs the right Run.
         */
        post: operations["process.suspend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quality/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows quality rules with their counts by rule and day.
         * @description Needs the right Read.
         */
        get: operations["quality.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quality": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists quality rules with what they found last.
         * @description Needs the right Read.
         */
        get: operations["quality.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quality/{name}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has the rules over a table evaluated now.
         * @description Needs the right Run.
         */
        post: operations["quality.run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queries/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a query, its parameters and the columns of its answer.
         * @description Needs the right Read.
         */
        get: operations["query.get"];
        put?: never;
        post?: never;
        /**
         * Deletes a query, by its owner or by who may manage it; its history stays.
         * @description Needs the right Write.
         */
        delete: operations["query.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the queries that the caller may see.
         * @description Needs the right Read.
         */
        get: operations["query.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queries/{name}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answers a query with values for its parameters, over what the caller may see.
         * @description Needs the right Read.
         */
        post: operations["query.run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/queries/save": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Saves a query under a name. It belongs to who saves it first.
         * @description Needs the right Write.
         */
        post: operations["query.save"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/receipts/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a receipt, named CONTRACT.NUMBER, with all that proves it alone.
         * @description Needs the right Read.
         */
        get: operations["receipt.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/receipts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the receipts of a contract.
         * @description Needs the right Read.
         */
        get: operations["receipt.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/relations/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a relation: its columns, its rules, its files, and what it stands on.
         * @description Needs the right Read.
         */
        get: operations["relation.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/relations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the relations that the caller may see, with their owners, their freshness and their quality.
         * @description Needs the right Read.
         */
        get: operations["relation.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/relations/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the rows of a relation.
         * @description Needs the right Read.
         */
        get: operations["relation.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Applies manifests, all of them or none.
         * @description Needs the right Manage.
         */
        post: operations["resource.apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{kind}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns a resource as it stands.
         * @description Needs the right Read.
         */
        get: operations["resource.get"];
        put?: never;
        post?: never;
        /**
         * Removes a resource; its history stays.
         * @description Needs the right Manage.
         */
        delete: operations["resource.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{kind}/{name}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns all versions of a resource.
         * @description Needs the right Read.
         */
        get: operations["resource.history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{kind}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the resources of a kind that the caller may see.
         * @description Needs the right Read.
         */
        get: operations["resource.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rules/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a rule: its manifest, what it remembers of devices, its last crossings.
         * @description Needs the right Read.
         */
        get: operations["rule.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists rules with what they have found.
         * @description Needs the right Read.
         */
        get: operations["rule.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rules/{name}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a rule forget what it remembers, of all devices or one. Of all: it goes on with what comes from now on.
         * @description Needs the right Manage.
         */
        post: operations["rule.reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/running/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends what runs: one thing, or all that fit, a portion at a time.
         * @description Needs the right Run.
         */
        post: operations["running.kill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/running/limit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Limits a principal or a query from now on, until the unit stops or the time is up.
         * @description Needs the right Manage.
         */
        post: operations["running.limit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/running": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what runs: queries, process instances, jobs, calls between units, background work.
         * @description Needs the right Read.
         */
        get: operations["running.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/running/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has what runs pause.
         * @description Needs the right Run.
         */
        post: operations["running.pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/running/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has what pauses go on.
         * @description Needs the right Run.
         */
        post: operations["running.resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/screens/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what a screen is made of, to those it is for.
         * @description Needs the right Read.
         */
        get: operations["screen.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/screens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the screens in the caller's menu: those that are for his roles.
         * @description Needs the right Read.
         */
        get: operations["screen.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/{name}/fetch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fetches an address of a host that the secret is for, with the secret in a header.
         * @description Needs the right Run.
         */
        post: operations["secret.fetch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a secret without its value: who set it, when, and what refers to it.
         * @description Needs the right Read.
         */
        get: operations["secret.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the secrets that the caller may see, without their values.
         * @description Needs the right Read.
         */
        get: operations["secret.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives the value to a program whose role names this operation; the answer is kept nowhere.
         * @description Needs the right Run.
         */
        post: operations["secret.read"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Seals every secret under the unit's next secret key.
         * @description Needs the right Manage.
         */
        post: operations["secret.rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/secrets/{name}/set": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets the value of a secret; nothing shows it again.
         * @description Needs the right Manage.
         */
        post: operations["secret.set"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/begin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says where to sign in with an identity provider.
         * @description Needs the right Read, which the policies may give to callers without a credential.
         */
        post: operations["session.begin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the sessions that the caller may see.
         * @description Needs the right Read.
         */
        get: operations["session.list"];
        put?: never;
        /**
         * Signs a user in with his password; the session's token is shown once.
         * @description Needs the right Run, which the policies may give to callers without a credential.
         */
        post: operations["session.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{name}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a session at once.
         * @description Needs the right Run.
         */
        post: operations["session.end"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs somebody in with what an identity provider sent him back with.
         * @description Needs the right Run, which the policies may give to callers without a credential.
         */
        post: operations["session.finish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/signals/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a signal to all who wait for it, and starts the processes that it starts.
         * @description Needs the right Run.
         */
        post: operations["signal.publish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sql/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends a query that runs.
         * @description Needs the right Run.
         */
        post: operations["sql.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sql/catalogue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the names that SQL knows, for editors that complete them.
         * @description Needs the right Read.
         */
        get: operations["sql.catalogue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sql/describe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says what a SQL query takes and gives, without running it.
         * @description Needs the right Read.
         */
        post: operations["sql.describe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sql": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the queries that run: the caller's own, or all for who may cancel them.
         * @description Needs the right Read.
         */
        get: operations["sql.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sql/query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answers a SQL query over what the caller may see.
         * @description Needs the right Read.
         */
        post: operations["sql.query"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/streams/{name}/append": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Appends rows, all of them or none.
         * @description Needs the right Write.
         */
        post: operations["stream.append"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/streams/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns rows from an offset on; waits for some where it is asked to.
         * @description Needs the right Read.
         */
        get: operations["stream.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the browsers of the caller that are told, without their keys.
         * @description Needs the right Read.
         */
        get: operations["subscription.list"];
        put?: never;
        /**
         * Has a browser of the caller told of his tasks; the same address again takes the place of what was there.
         * @description Needs the right Write.
         */
        post: operations["subscription.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Has a browser told no more.
         * @description Needs the right Write.
         */
        delete: operations["subscription.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the key by which push services know this unit: browsers subscribe with it.
         * @description Needs the right Read.
         */
        get: operations["subscription.key"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tables/{name}/compact": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks that small files be made one.
         * @description Needs the right Write.
         */
        post: operations["table.compact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tables/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the newest row of each key.
         * @description Needs the right Read.
         */
        get: operations["table.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tables/{name}/seal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks that all rows so far be put into files, for readers of Delta.
         * @description Needs the right Write.
         */
        post: operations["table.seal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tables/{name}/vacuum": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks that files that no reader needs any more be deleted.
         * @description Needs the right Manage.
         */
        post: operations["table.vacuum"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{name}/assign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a task to a person.
         * @description Needs the right Manage.
         */
        post: operations["task.assign"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{name}/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a task.
         * @description Needs the right Run.
         */
        post: operations["task.claim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{name}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Finishes a task.
         * @description Needs the right Run.
         */
        post: operations["task.complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows a task.
         * @description Needs the right Read.
         */
        get: operations["task.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists open tasks, what is due first before others.
         * @description Needs the right Read.
         */
        get: operations["task.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/open": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Opens a task for people that belongs to no process of the unit's.
         * @description Needs the right Run.
         */
        post: operations["task.open"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{name}/unclaim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a task back.
         * @description Needs the right Run.
         */
        post: operations["task.unclaim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns all tokens, without their secrets.
         * @description Needs the right Manage.
         */
        get: operations["token.list"];
        put?: never;
        /**
         * Makes a token of a user; the secret is shown once.
         * @description Needs the right Manage.
         */
        post: operations["token.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revokes a token.
         * @description Needs the right Manage.
         */
        delete: operations["token.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{name}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publishes a message on an application topic.
         * @description Needs the right Write.
         */
        post: operations["topic.publish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives the unit as it stands at one commit, in pieces, for `craton backup`.
         * @description Needs the right Manage.
         */
        post: operations["unit.backup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes several calls, each with its own rights and result.
         * @description Needs the right Run.
         */
        post: operations["unit.batch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says what the unit counts, in the text format of Prometheus; also at `GET /metrics`.
         * @description Needs the right Read.
         */
        get: operations["unit.metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/settled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says whether the unit has come to rest, and waits for it.
         * @description Needs the right Read.
         */
        get: operations["unit.settled"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/support": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Makes a bundle for whoever helps: configuration, manifests, log, counts; no secrets and no rows.
         * @description Needs the right Manage.
         */
        get: operations["unit.support"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says what the unit has spent: commits, bytes synced, signatures, processor time and memory.
         * @description Needs the right Read.
         */
        get: operations["unit.usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/units/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says who the caller is, which roles he holds, and at which commit the unit is.
         * @description Needs the right Read.
         */
        get: operations["unit.whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{name}/delete_password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a user's password away and ends his sessions.
         * @description Needs the right Manage.
         */
        post: operations["user.delete_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists users with their roles, by what they can sign in, and when they were last seen.
         * @description Needs the right Read.
         */
        get: operations["user.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{name}/set_password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets a user's password and ends his other sessions.
         * @description Needs the right Manage.
         */
        post: operations["user.set_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/views/{name}/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the rows of a view.
         * @description Needs the right Read.
         */
        get: operations["view.read"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description An error (RFC 9457). */
        Problem: {
            /** @description `urn:craton:error:` and the code. */
            type: string;
            title: string;
            status: number;
            /** @description What happened. */
            detail: string;
            /** @description The stable code; docs/errors has a page for each. */
            code: string;
            /** @enum {unknown} */
            kind: "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "exhausted" | "unavailable" | "internal";
            /** @description What to do next. */
            hint?: string;
            /** @description After how many milliseconds it is worth repeating. */
            retry_ms?: number;
            /** @description Where in the request. */
            place?: {
                file?: string;
                line?: number;
                column?: number;
                pointer?: string;
            };
            /** @description Further problems of the same request. */
            also?: Record<string, unknown>[];
        };
        /** @description What is done. */
        "bulk.start.Action": "retry" | "cancel" | "suspend" | "resume" | "migrate";
        /** @description Which instances. All that is given holds. */
        "bulk.start.Filter": {
            /** @description The process. */
            process: string;
            /**
             * Format: uint64
             * @description Those that run this version.
             */
            version?: number | null;
            /** @description Those that stand at the element with this id; of `retry`, its incidents there. */
            element?: string | null;
            /** @description Those with an incident of this code; of `retry`, these incidents. */
            code?: string | null;
            /**
             * @description Those that stand so: `active`, `suspended` or `failed`; `incident` for those with an incident, of this code and at this element where
             *     these are given.
             */
            state?: string | null;
            /** @description Those that began longer ago than this, in business time, ISO 8601. */
            older_than?: string | null;
            /** @description Those with a variable of this name that has `value`; fast where `version` is the current one and keeps it as `indexed`. */
            variable?: string | null;
            /** @description The value of that variable. */
            value?: unknown;
        };
        /** @description Where a device stands. */
        "device.create.Place": {
            /** @description What the place is called. */
            name?: string | null;
            /**
             * Format: double
             * @description Degrees north.
             */
            lat?: number | null;
            /**
             * Format: double
             * @description Degrees east.
             */
            lon?: number | null;
        };
        /** @description Where a device stands. */
        "device.update.Place": {
            /** @description What the place is called. */
            name?: string | null;
            /**
             * Format: double
             * @description Degrees north.
             */
            lat?: number | null;
            /**
             * Format: double
             * @description Degrees east.
             */
            lon?: number | null;
        };
        /** @description How long a window is. */
        "metric.query.Grain": "hour" | "day" | "week" | "month" | "quarter" | "year";
        /** @description A parameter of a query: a value that is bound where `$NAME` stands, and never put into the text. */
        "query.save.ParameterSpec": {
            /** @description The name: a lower-case letter, then lower-case letters, digits and `_`. */
            name: string;
            /**
             * @description What it holds.
             * @default text
             */
            type: components["schemas"]["query.save.ParameterType"];
            /** @description The value where none is given; null is one. A parameter without it must be given. */
            default?: unknown;
            /** @description What people read: a text, or one for each language. */
            label?: components["schemas"]["query.save.Label"] | null;
        };
        /** @description What a parameter holds. */
        "query.save.ParameterType": "text" | "int" | "float" | "decimal" | "bool" | "time" | "date";
        /** @description What people read. */
        "query.save.Label": string | {
            [key: string]: string;
        };
        /** @description What people read. */
        "screen.get.Text": string | {
            [key: string]: string;
        };
        /** @description The `spec` of a `Screen`. */
        "screen.get.ScreenSpec": {
            /** @description What stands above it. */
            title: components["schemas"]["screen.get.Text"];
            /**
             * @description What people call the application it belongs to. The first of its screens that says so counts; the name of the application
             *     where none does.
             */
            application?: components["schemas"]["screen.get.Text"] | null;
            /** @description The heading it stands under, in the menu of its application. Without it, it is in no menu and reached by links. */
            menu?: components["schemas"]["screen.get.Text"] | null;
            /**
             * Format: int32
             * @description Where it stands under its heading: low numbers first, 0 where absent.
             */
            order?: number;
            /** @description Where it is offered; everywhere where absent. */
            on?: components["schemas"]["screen.get.On"][] | null;
            /** @description Whom it is for; everybody who is known where absent. It gives no right: what its parts may show and do is decided by policies. */
            roles?: string[] | null;
            /** @description What it is shown for, an order for example. A part uses one as `$NAME`. */
            parameters?: components["schemas"]["screen.get.Parameter"][];
            /** @description What it is made of, from top to bottom. */
            parts: components["schemas"]["screen.get.Part"][];
        };
        /** @description Where a screen is offered. */
        "screen.get.On": "desk" | "phone";
        /** @description A parameter of a screen. */
        "screen.get.Parameter": {
            /** @description The name: a lower-case letter, then lower-case letters, digits, `-` and `_`. */
            name: string;
            /**
             * @description What it holds.
             * @default text
             */
            type: components["schemas"]["screen.get.ParameterType"];
            /** @description What stands beside the field in which it is asked for; its name where absent. */
            label?: components["schemas"]["screen.get.Text"] | null;
            /** @description Its value where none is given. */
            default?: unknown;
        };
        /** @description What a parameter holds, in the words of queries. */
        "screen.get.ParameterType": "text" | "int" | "float" | "decimal" | "bool" | "time" | "date";
        /** @description A part of a screen: one of `text`, `kpi`, `list`, `detail`, `chart` and `form`. */
        "screen.get.Part": {
            /** @description What stands above it. */
            title?: components["schemas"]["screen.get.Text"] | null;
            /** @description How much of the width it takes where there is much; all of it where absent. */
            width?: components["schemas"]["screen.get.Width"] | null;
            /** @description Words, paragraphs apart by an empty line. */
            text?: components["schemas"]["screen.get.Text"] | null;
            /** @description A KPI: its value, its target, its trend. */
            kpi?: components["schemas"]["screen.get.KpiPart"] | null;
            /** @description The rows of a query. */
            list?: components["schemas"]["screen.get.ListPart"] | null;
            /** @description The first row of a query, field by field. */
            detail?: components["schemas"]["screen.get.DetailPart"] | null;
            /** @description The rows of a query as a picture. */
            chart?: components["schemas"]["screen.get.ChartPart"] | null;
            /** @description A form that makes a call. */
            form?: components["schemas"]["screen.get.FormPart"] | null;
        };
        /** @description How much of the width a part takes. */
        "screen.get.Width": "full" | "half" | "third";
        /** @description A KPI. */
        "screen.get.KpiPart": {
            /** @description The name of the KPI. */
            name: string;
        };
        /** @description The rows of a query. */
        "screen.get.ListPart": {
            /** @description The name of the query. */
            query: string;
            /** @description Values for its parameters. */
            parameters?: {
                [key: string]: unknown;
            };
            /** @description What is shown of a row, in order; every column where absent. */
            columns?: components["schemas"]["screen.get.ColumnSpec"][] | null;
            /** @description Columns in which a text is looked for. */
            search?: string[];
            /** @description What can be done with a row. */
            actions?: components["schemas"]["screen.get.Action"][];
        };
        /** @description A column of a list, or a field of a detail. */
        "screen.get.ColumnSpec": {
            /** @description The name of the column in the query. */
            name: string;
            /** @description What stands above or beside it; its name where absent. */
            label?: components["schemas"]["screen.get.Text"] | null;
            /** @description How its values are written; by their type where absent. */
            format?: components["schemas"]["screen.get.Format"] | null;
            /** @description Where a press on it leads. */
            link?: components["schemas"]["screen.get.Link"] | null;
        };
        /** @description How values are written. */
        "screen.get.Format": "text" | "number" | "money" | "percent" | "time" | "date" | "status" | "code" | "image";
        /** @description A way to another screen. */
        "screen.get.Link": {
            /** @description The name of the screen. */
            screen: string;
            /** @description Values for its parameters. */
            parameters?: {
                [key: string]: unknown;
            };
        };
        /** @description A call that is made for a row. */
        "screen.get.Action": {
            /** @description What stands on the button. */
            label: components["schemas"]["screen.get.Text"];
            /** @description The operation, `process.publish` for example. */
            operation: string;
            /** @description On what, `KIND/NAME`; the name may be `$NAME`. Absent for operations on a kind as a whole. */
            resource?: string | null;
            /** @description Its parameters. */
            parameters?: {
                [key: string]: unknown;
            };
            /** @description The form that asks for more before it is made. */
            form?: string | null;
            /** @description Whether it is asked once more before it is made. */
            confirm?: boolean;
        };
        /** @description The first row of a query. */
        "screen.get.DetailPart": {
            /** @description The name of the query. */
            query: string;
            /** @description Values for its parameters. */
            parameters?: {
                [key: string]: unknown;
            };
            /** @description What is shown of the row, in order; every column where absent. */
            fields?: components["schemas"]["screen.get.ColumnSpec"][] | null;
            /** @description What can be done with it. */
            actions?: components["schemas"]["screen.get.Action"][];
        };
        /** @description The rows of a query as a picture. */
        "screen.get.ChartPart": {
            /** @description The name of the query. */
            query: string;
            /** @description Values for its parameters. */
            parameters?: {
                [key: string]: unknown;
            };
            /** @description What is drawn. */
            kind: components["schemas"]["screen.get.ChartKind"];
            /** @description The column along which it is drawn; of a pie and a funnel, the column with the names of the pieces. */
            x: string;
            /** @description The columns whose values are drawn. */
            y: string[];
            /** @description The column by whose values rows are told apart: one line, or one colour, for each. */
            series?: string | null;
        };
        /** @description What a chart draws. */
        "screen.get.ChartKind": "line" | "area" | "bar" | "pie" | "funnel";
        /** @description A form that makes a call. */
        "screen.get.FormPart": {
            /**
             * @description The operation. What the form gives becomes `variables` of `process.start` and `task.complete`, `row` of `stream.append`, and the
             *     parameters of any other.
             */
            operation: string;
            /** @description On what, `KIND/NAME`; the name may be `$NAME`. Absent for operations on a kind as a whole. */
            resource?: string | null;
            /** @description The name of the form. */
            form: string;
            /** @description What it begins with. What has no field in the form goes along as it is. */
            values?: {
                [key: string]: unknown;
            };
        };
        /** @description A screen in the menu of whoever asks. */
        "screen.list.Entry": {
            /** @description The name. */
            name: string;
            /** @description The application it belongs to, where it belongs to one. */
            application?: string | null;
            /** @description What people call the application, where a screen of it says so. */
            application_title?: components["schemas"]["screen.list.Text"] | null;
            /** @description The heading it stands under. */
            heading: components["schemas"]["screen.list.Text"];
            /** @description What stands above it. */
            title: components["schemas"]["screen.list.Text"];
            /**
             * Format: int32
             * @description Where it stands under its heading.
             */
            order: number;
            /** @description Where it is offered. */
            on: components["schemas"]["screen.list.On"][];
        };
        /** @description What people read. */
        "screen.list.Text": string | {
            [key: string]: string;
        };
        /** @description Where a screen is offered. */
        "screen.list.On": "desk" | "phone";
    };
    responses: {
        /** @description The request is wrong and will be wrong again. */
        Invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Who is calling is not known. */
        Unauthenticated: {
            headers: {
                "WWW-Authenticate"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller may not do this. */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It does not exist, or the caller may not see it. */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The route does not have this method. */
        MethodNotAllowed: {
            headers: {
                Allow?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request did not arrive in time. */
        Timeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The state of the resource does not allow it now. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body exceeds the limit. */
        BodyTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The media type is not taken here. */
        MediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A limit was reached; repeat it later. */
        Exhausted: {
            headers: {
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Request line and headers exceed the limit. */
        HeadTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A defect; the log has the detail under the id in the answer. */
        Internal: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It may work later. */
        Unavailable: {
            headers: {
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description The business time at which it happens; the unit's business clock where absent. */
        At: string;
        /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
        IdempotencyKey: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    welcome: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Invalid"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            431: components["responses"]["HeadTooLarge"];
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            431: components["responses"]["HeadTooLarge"];
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    user: string;
                    password: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        user: string;
                        roles: string[];
                        /** Format: date-time */
                        expires: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        signed_out?: boolean;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    watch: {
        parameters: {
            query: {
                /** @description What is watched: `KIND` or `KIND/NAME`. Repeated. */
                watch: string[];
                /** @description The last commit that the caller has heard of. */
                since?: number;
            };
            header?: {
                /** @description The same, as browsers send it. */
                "Last-Event-ID"?: number;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, until the caller goes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            431: components["responses"]["HeadTooLarge"];
        };
    };
    "audit.list": {
        parameters: {
            query?: {
                /** @description of this principal, or on behalf of it: `user:ana`, or `ana` for a user */
                actor?: string;
                /** @description this operation, or all of a kind: `task.complete`, `task` */
                operation?: string;
                /** @description on this resource, or on all of a kind: `stream/orders`, `stream` */
                resource?: string;
                /** @description `allowed`, `refused`, a code such as `policy.forbidden`, or its beginning: `policy` */
                outcome?: string;
                /** @description with this text in any of its fields, in capital or small letters */
                text?: string;
                /** @description from this time on, wall time */
                from?: string;
                /** @description before this time, wall time */
                to?: string;
                /** @description so many at most */
                limit?: string;
                /** @description from where to go on: what `next` said of the answer before */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: {
                            /** @description The place in the log. */
                            number?: number;
                            /** @description When; the minute, for counted calls. */
                            wall?: string;
                            business?: string;
                            actor?: string;
                            on_behalf_of?: string;
                            operation?: string;
                            resource?: string;
                            /** @description `allowed`, or the code of the refusal. */
                            outcome?: string;
                            policies?: string[];
                            /** @description How many calls the line stands for. */
                            count?: number;
                        }[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                        /** @description The time of the oldest line that was looked at. */
                        back_to?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "bulk.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "bulk.list": {
        parameters: {
            query?: {
                /** @description `true` for the newest first */
                newest?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "bulk.start": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description What. */
                    action: components["schemas"]["bulk.start.Action"];
                    /** @description To which instances. */
                    filter: components["schemas"]["bulk.start.Filter"];
                    /**
                     * Format: uint64
                     * @description How many at most.
                     */
                    limit?: number | null;
                    /** @description Of `retry`: changed variables of each instance. */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * Format: int64
                     * @description Of `retry`: tries of a job from now on.
                     */
                    retries?: number | null;
                    /**
                     * Format: uint64
                     * @description Of `migrate`: the version; the process as it stands where absent.
                     */
                    version?: number | null;
                    /** @description Of `migrate`: for ids of the old version those of the new one. */
                    mapping?: {
                        [key: string]: string;
                    };
                    /**
                     * @description Of `migrate`: whether timers are worked out again.
                     * @default false
                     */
                    timers_again?: boolean;
                    /**
                     * @description True where each call is only tried: the counts and problems say what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "bulk.stop": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "clock.advance": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** Format: date-time */
                    to: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "clock.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "command.answer": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description What came of it.
                     * @default null
                     */
                    output?: unknown;
                    /**
                     * @description Why it could not be done.
                     * @default null
                     */
                    error?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its number, which is its name. */
                        command: number;
                        /** @enum {unknown} */
                        state: "waiting" | "sent" | "answered" | "failed" | "expired" | "cancelled";
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "command.cancel": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its number, which is its name. */
                        command: number;
                        /** @enum {unknown} */
                        state: "waiting" | "sent" | "answered" | "failed" | "expired" | "cancelled";
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "command.get": {
        parameters: {
            query?: {
                /** @description how long to wait until it is over */
                wait_ms?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * Format: uint64
                         * @description Its number, which is its name.
                         */
                        command: number;
                        /** @description The device. */
                        device: string;
                        /** @description Which of the commands of the device's type. */
                        name: string;
                        /** @description `waiting`, `sent`, `answered`, `failed`, `expired` or `cancelled`. */
                        state: string;
                        /** @description What goes with it. */
                        input: unknown;
                        /** @description What the device has answered. */
                        output?: unknown;
                        /** @description Why it was not done. */
                        problem?: string | null;
                        /** @description When it was given, business time. */
                        created_at: string;
                        /** @description When it expires, or would have. */
                        deadline: string;
                        /** @description When the device has acknowledged that it has it. */
                        sent_at?: string | null;
                        /** @description When it ended. */
                        ended_at?: string | null;
                        /** @description Who gave it. */
                        by: string;
                        /** @description On whose behalf. */
                        on_behalf_of?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "command.list": {
        parameters: {
            query?: {
                /** @description to this device */
                device?: string;
                /** @description `waiting`, `sent`, `answered`, `failed`, `expired`, `cancelled`; `open` for the first two */
                state?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /**
                             * Format: uint64
                             * @description Its number, which is its name.
                             */
                            command: number;
                            /** @description The device. */
                            device: string;
                            /** @description Which of the commands of the device's type. */
                            name: string;
                            /** @description `waiting`, `sent`, `answered`, `failed`, `expired` or `cancelled`. */
                            state: string;
                            /** @description What goes with it. */
                            input: unknown;
                            /** @description What the device has answered. */
                            output?: unknown;
                            /** @description Why it was not done. */
                            problem?: string | null;
                            /** @description When it was given, business time. */
                            created_at: string;
                            /** @description When it expires, or would have. */
                            deadline: string;
                            /** @description When the device has acknowledged that it has it. */
                            sent_at?: string | null;
                            /** @description When it ended. */
                            ended_at?: string | null;
                            /** @description Who gave it. */
                            by: string;
                            /** @description On whose behalf. */
                            on_behalf_of?: string | null;
                        }[];
                        /** @description From where to go on, as `after`; absent where this is all. */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.accept": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        side: string;
                        state: string;
                        peer: string;
                        id?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.call": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    capability: string;
                    input?: Record<string, unknown>;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contract: string;
                        call: string;
                        state: string;
                    };
                };
            };
            /** @description Accepted; the result comes later. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.calls": {
        parameters: {
            query?: {
                /** @description only this call */
                call?: string;
                /** @description only calls in this state */
                state?: string;
                /** @description how many at most, 100 without it */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.disputes": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.fetch": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    v: number;
                    fetch: string;
                    offer: string;
                    /** Format: date-time */
                    at: string;
                    columns?: string[];
                    where?: Record<string, unknown>;
                    limit?: number;
                    marked?: Record<string, unknown>;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/vnd.craton.page": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        side: string;
                        state: string;
                        peer: string;
                        id?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.list": {
        parameters: {
            query?: {
                /** @description only contracts in this state */
                state?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.propose": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    peer: string;
                    offers: (string | Record<string, unknown>)[];
                    review?: boolean;
                    /** @enum {unknown} */
                    side?: "consumer" | "provider";
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        side: string;
                        state: string;
                        peer: string;
                        id?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.reject": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        side: string;
                        state: string;
                        peer: string;
                        id?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.revoke": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        side: string;
                        state: string;
                        peer: string;
                        id?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.settle": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    first: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contract: string;
                        first: number;
                        /** @enum {unknown} */
                        state: "agreed" | "waived";
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "contract.withdraw": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    call: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contract: string;
                        call: string;
                        state: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "data.erase": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description What identifies the person, as text. */
                    subject: string;
                    streams?: string[];
                    column?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The number of the erasure. */
                        id: number;
                        /** @enum {unknown} */
                        state: "rows" | "views" | "disk" | "done";
                        /** @description SHA-256 of `salt` and the subject. */
                        subject_hash?: string;
                        streams: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "data.erasures": {
        parameters: {
            query?: {
                /** @description The number of an erasure; all of them where absent. */
                id?: string;
                /** @description How long to wait until that erasure is done. */
                wait_ms?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** @description The number of the erasure. */
                            id: number;
                            /** @enum {unknown} */
                            state: "rows" | "views" | "disk" | "done";
                            /** @description SHA-256 of `salt` and the subject. */
                            subject_hash?: string;
                            streams: Record<string, unknown>[];
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "data.find": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description What identifies the person, as text. */
                    subject: string;
                    streams?: string[];
                    column?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description How many rows there are in all. */
                        rows: number;
                        streams: Record<string, unknown>[];
                        not_reached?: string[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "decision.evaluate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    variables?: Record<string, unknown>;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Accepted; the result comes later. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "decision.explain": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    variables?: Record<string, unknown>;
                    version?: number | null;
                    decision?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "decision.get": {
        parameters: {
            query?: {
                /** @description as it stood at this version */
                version?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "decision.list": {
        parameters: {
            query?: {
                /** @description whose name has this text */
                text?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.add_credential": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {unknown} */
                    kind: "token" | "certificate";
                    /** @description What it is for. */
                    summary?: string;
                    /** Format: date-time */
                    expires?: string | null;
                    /** @description The certificate as PEM, or its fingerprint as `sha256:` and 64 hexadecimal digits. */
                    certificate?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        token?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.command": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Which of the commands of the device's type. */
                    command: string;
                    /**
                     * @description What goes with it.
                     * @default {}
                     */
                    input?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description Until when it waits for the device: a time, or from now on as an ISO 8601 duration such as `PT5M`.
                     * @default null
                     */
                    deadline?: string | null;
                    /**
                     * @description True where the caller, itself a process, waits for the answer.
                     * @default false
                     */
                    wait?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its number, which is its name. */
                        command: number;
                        /** @enum {unknown} */
                        state: "waiting" | "sent" | "answered" | "failed" | "expired" | "cancelled";
                    };
                };
            };
            /** @description Accepted; the result comes later. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.list": {
        parameters: {
            query?: {
                /** @description of this type */
                type?: string;
                /** @description in this group */
                group?: string;
                /** @description of this owner, as `user:ana` */
                owner?: string;
                /** @description `connected`, `offline` or `never` */
                state?: string;
                /** @description at this place */
                place?: string;
                /** @description with this label, as `city=sp` */
                label?: string;
                /** @description in whose name, summary or place this stands */
                text?: string;
                /** @description that have reported a value of this indexed property, with `value` */
                property?: string;
                /** @description the value of `property` */
                value?: string;
                /** @description so many at most */
                limit?: string;
                /** @description from where to go on: what `next` said of the page before */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** @description The name. */
                            name: string;
                            /** @description Its type. */
                            type: string;
                            /** @description Who answers for it. */
                            owner: string;
                            /** @description `connected`, `offline`, or `never` where it was never there. */
                            state: string;
                            /** @description What its place is called. */
                            place?: string | null;
                            /**
                             * Format: double
                             * @description Degrees north.
                             */
                            lat?: number | null;
                            /**
                             * Format: double
                             * @description Degrees east.
                             */
                            lon?: number | null;
                            /** @description The groups it belongs to. */
                            groups: string[];
                            /** @description Its labels. */
                            labels: {
                                [key: string]: string;
                            };
                            /** @description When it was heard of last. */
                            last_seen?: string | null;
                            /** @description Since when it is connected. */
                            connected_since?: string | null;
                            /** @description True where it is not let in. */
                            disabled: boolean;
                            /** @description What it is. */
                            summary: string;
                            /**
                             * Format: uint64
                             * @description The version of its manifest.
                             */
                            version: number;
                        }[];
                        /** @description From where to go on, as `after`; absent where this is all. */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.create": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The name: a lower-case letter, then lower-case letters, digits, `-` and `_`. */
                    name: string;
                    /** @description Its type. */
                    type: string;
                    /**
                     * @description The groups it belongs to.
                     * @default []
                     */
                    groups?: string[];
                    /**
                     * @description Where it stands.
                     * @default null
                     */
                    place?: components["schemas"]["device.create.Place"] | null;
                    /**
                     * @description What it is.
                     * @default
                     */
                    summary?: string;
                    /**
                     * @description Who answers for it; the caller where absent.
                     * @default null
                     */
                    owner?: string | null;
                    /**
                     * @description Free labels.
                     * @default {}
                     */
                    labels?: {
                        [key: string]: string;
                    };
                    /**
                     * @description What is desired of it at first.
                     * @default {}
                     */
                    desired?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name?: string;
                        version: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        spec: Record<string, unknown>;
                        presence?: Record<string, unknown> | null;
                        credentials: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.events": {
        parameters: {
            query?: {
                /** @description behind this place: what `next` said before */
                after?: string;
                /** @description so many at most */
                limit?: string;
                /** @description how long to wait where there is nothing yet */
                wait_ms?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            /** @description When, business time. */
                            at: string;
                            /** @description When, wall time. */
                            wall: string;
                            event: string;
                            detail?: unknown;
                        }[];
                        /** @description From where to go on, as `after`; absent where this is all. */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.pending": {
        parameters: {
            query?: {
                /** @description the number of the last command that it knows: only those given later */
                after?: string;
                /** @description the version of the desired state that it knows */
                desired_version?: string;
                /** @description how long to wait where there is nothing */
                wait_ms?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        commands: {
                            /**
                             * Format: uint64
                             * @description Its number, which is its name.
                             */
                            command: number;
                            /** @description The device. */
                            device: string;
                            /** @description Which of the commands of the device's type. */
                            name: string;
                            /** @description `waiting`, `sent`, `answered`, `failed`, `expired` or `cancelled`. */
                            state: string;
                            /** @description What goes with it. */
                            input: unknown;
                            /** @description What the device has answered. */
                            output?: unknown;
                            /** @description Why it was not done. */
                            problem?: string | null;
                            /** @description When it was given, business time. */
                            created_at: string;
                            /** @description When it expires, or would have. */
                            deadline: string;
                            /** @description When the device has acknowledged that it has it. */
                            sent_at?: string | null;
                            /** @description When it ended. */
                            ended_at?: string | null;
                            /** @description Who gave it. */
                            by: string;
                            /** @description On whose behalf. */
                            on_behalf_of?: string | null;
                        }[];
                        desired?: {
                            version?: number;
                            state?: Record<string, unknown>;
                        };
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.report": {
        parameters: {
            query?: {
                /** @description the channel of telemetry that they are of */
                channel?: string;
                /** @description the event that they are of, in place of a channel */
                event?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description How many rows the stream has taken. */
                        appended: number;
                        /** @description How many were set aside. */
                        set_aside: number;
                        faults: {
                            /** @description Its number, from 1. */
                            row?: number;
                            reason?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.revoke_credential": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    id: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id?: string;
                        revoked?: boolean;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.set": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description A merge patch (RFC 7396): null takes a property away. */
                    desired: Record<string, unknown>;
                    /** @description Refused where the desired state is of another version. */
                    version?: number | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        version: number;
                        desired: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.tell": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The patch; null takes a property away. */
                    reported: Record<string, unknown>;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        version?: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.twin": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
                /** @description with so many of the last versions of each side */
                history?: string;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        device: string;
                        type: string;
                        desired: {
                            version?: number;
                            at?: string;
                            state?: Record<string, unknown>;
                            by?: string;
                        };
                        reported: {
                            version?: number;
                            at?: string;
                            state?: Record<string, unknown>;
                            by?: string;
                        };
                        /** @description True where all that is desired was reported. */
                        in_step: boolean;
                        /** @description The last row of each channel. */
                        telemetry: Record<string, unknown>;
                        seen?: string | null;
                        /** @description What could not be looked up, and why: each is a `channel`, or a `side` of which nothing is kept that is so old. */
                        left_out?: Record<string, unknown>[];
                        history?: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "device.update": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description The groups it belongs to.
                     * @default null
                     */
                    groups?: string[] | null;
                    /**
                     * @description Where it stands; null: nowhere that is known.
                     * @default null
                     */
                    place?: components["schemas"]["device.update.Place"] | null;
                    /**
                     * @description What it is.
                     * @default null
                     */
                    summary?: string | null;
                    /**
                     * @description True where it is not let in any more.
                     * @default null
                     */
                    disabled?: boolean | null;
                    /**
                     * @description Its type.
                     * @default null
                     */
                    type?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name?: string;
                        version: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.card": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        unit: string;
                        name: string;
                        root: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.messages": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        acknowledged: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.outbox": {
        parameters: {
            query?: {
                /** @description the number of the last message that was handled */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        messages: unknown[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.recall": {
        parameters: {
            query?: {
                /** @description receipts or answers */
                kind?: string;
                /** @description the contract, of receipts */
                contract?: string;
                /** @description the number or place behind which they begin */
                after?: string;
                /** @description the number or place up to which they are wanted */
                upto?: string;
                /** @description the last message that the peer had handled, of answers */
                received?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                        next: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.reconcile": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    v: number;
                    incarnation: number;
                    received: number;
                    sent: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contracts: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.reconciliation": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.skip": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    peer: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        peer: string;
                        state: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "exchange.status": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        peers: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "file.create": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "image/jpeg": string;
                "image/png": string;
                "image/webp": string;
                "application/pdf": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its name: the SHA-256 hash of its bytes, in hexadecimal digits. */
                        file: string;
                        /**
                         * Format: uint64
                         * @description How many bytes it has.
                         */
                        bytes: number;
                        /** @description What it is, by its first bytes. */
                        media: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "file.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its name: the SHA-256 hash of its bytes, in hexadecimal digits. */
                        file: string;
                        /**
                         * Format: uint64
                         * @description How many bytes it has.
                         */
                        bytes: number;
                        /** @description What it is, by its first bytes. */
                        media: string;
                        /** @description Who added it first. */
                        owner: string;
                        /** @description When it was added, wall time. */
                        at: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "file.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        file?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "file.read": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": string;
                    "image/png": string;
                    "image/webp": string;
                    "application/pdf": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "form.get": {
        parameters: {
            query?: {
                /** @description of this version; the newest where absent */
                version?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        form?: string;
                        version?: number;
                        schema?: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "form.list": {
        parameters: {
            query?: {
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "incident.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "incident.list": {
        parameters: {
            query?: {
                /** @description of this process */
                process?: string;
                /** @description at this element */
                element?: string;
                /** @description with this code */
                code?: string;
                /** @description with this business key */
                business_key?: string;
                /** @description that say this somewhere: message, code, element, business key */
                text?: string;
                /** @description `true` for those of the newest instances first */
                newest?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "incident.resolve": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description Changed variables of the instance.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * Format: int64
                     * @description Tries of a job from now on; 1 where absent.
                     * @default null
                     */
                    retries?: number | null;
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.cancel": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.history": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.list": {
        parameters: {
            query?: {
                /** @description of this process */
                process?: string;
                /** @description that run this version, or ran it last */
                version?: string;
                /** @description that stand at this element: none that is over does */
                element?: string;
                /** @description with this business key, of the process */
                business_key?: string;
                /** @description with a value of this indexed variable, of the process */
                variable?: string;
                /** @description the value of that variable */
                value?: string;
                /** @description `active`, `suspended` or `failed`; `open` for these, `incident` for those that stand still somewhere, `completed`, `cancelled`, `finished` for both, `all` */
                state?: string;
                /** @description that began at this time or later */
                from?: string;
                /** @description that began at this time or before */
                to?: string;
                /** @description `true` for the newest first, as where the state, a version, an element or a time needs it */
                newest?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.migrate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * Format: uint64
                     * @description The version; the process as it stands where absent.
                     * @default null
                     */
                    version?: number | null;
                    /**
                     * @description For ids of elements and flows of the old version those of the new one. Those of the same id and kind need none.
                     * @default {}
                     */
                    mapping?: {
                        [key: string]: string;
                    };
                    /**
                     * @description True where timers are worked out again, as of when their elements were entered.
                     * @default false
                     */
                    timers_again?: boolean;
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.move": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The id or the number of an element at which the instance stands. It is ended. */
                    from: string;
                    /** @description The id of the element that begins in its place. */
                    to: string;
                    /**
                     * @description Changed variables of the instance.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.resume": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.set_variables": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The values. */
                    variables: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description Whose: the id or the number of an element at which the instance stands; the instance's where absent.
                     * @default null
                     */
                    scope?: string | null;
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "instance.suspend": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.activate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The type of the jobs. */
                    type: string;
                    /**
                     * Format: uint
                     * @description How many at most; 1 where absent.
                     * @default null
                     */
                    max?: number | null;
                    /**
                     * Format: uint32
                     * @description For how many seconds the worker holds them.
                     * @default null
                     */
                    timeout?: number | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        jobs?: {
                            /** @description Its name: instance and element. */
                            job: string;
                            /** @description The type. */
                            type: string;
                            /** @description `available`, `held`, `put_off` or `failed`. */
                            state: string;
                            /**
                             * Format: uint64
                             * @description The instance.
                             */
                            instance: number;
                            /** @description The process. */
                            process: string;
                            /**
                             * Format: uint64
                             * @description The version of the process.
                             */
                            version: number;
                            /** @description The business key of the instance. */
                            business_key?: string | null;
                            /** @description The element's id. */
                            element: string;
                            /**
                             * Format: int64
                             * @description Tries left.
                             */
                            retries: number;
                            /** @description Until when it is held or put off, wall time. */
                            until?: string | null;
                            /** @description Who holds it. */
                            worker?: string | null;
                            /** @description `zeebe:taskHeaders`. */
                            headers: {
                                [key: string]: string;
                            };
                            /** @description What it sees. */
                            variables: {
                                [key: string]: unknown;
                            };
                            /** @description When it came, business time. */
                            created_at: string;
                            /** @description The header `traceparent` for whatever the worker does for it, where it is traced. */
                            trace?: string | null;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.complete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description The result.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.error": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description `errorCode`. */
                    code: string;
                    /**
                     * @description What was said with it.
                     * @default
                     */
                    message?: string;
                    /**
                     * @description Variables for what comes behind the boundary event.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.fail": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description What went wrong.
                     * @default
                     */
                    message?: string;
                    /**
                     * Format: int64
                     * @description Tries left; one less than before where absent. At 0 it becomes an incident.
                     * @default null
                     */
                    retries?: number | null;
                    /**
                     * Format: uint32
                     * @description Seconds until the next try.
                     * @default null
                     */
                    backoff?: number | null;
                    /**
                     * @description Variables for the next try, the job's own.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Its name: instance and element. */
                        job: string;
                        /** @description The type. */
                        type: string;
                        /** @description `available`, `held`, `put_off` or `failed`. */
                        state: string;
                        /**
                         * Format: uint64
                         * @description The instance.
                         */
                        instance: number;
                        /** @description The process. */
                        process: string;
                        /**
                         * Format: uint64
                         * @description The version of the process.
                         */
                        version: number;
                        /** @description The business key of the instance. */
                        business_key?: string | null;
                        /** @description The element's id. */
                        element: string;
                        /**
                         * Format: int64
                         * @description Tries left.
                         */
                        retries: number;
                        /** @description Until when it is held or put off, wall time. */
                        until?: string | null;
                        /** @description Who holds it. */
                        worker?: string | null;
                        /** @description `zeebe:taskHeaders`. */
                        headers: {
                            [key: string]: string;
                        };
                        /** @description What it sees. */
                        variables: {
                            [key: string]: unknown;
                        };
                        /** @description When it came, business time. */
                        created_at: string;
                        /** @description The header `traceparent` for whatever the worker does for it, where it is traced. */
                        trace?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "job.list": {
        parameters: {
            query?: {
                /** @description of this type */
                type?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "key.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "key.prepare": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    days?: number;
                    number?: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        unit: string;
                        entry: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "key.revoke": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    number: number;
                    /** Format: date-time */
                    until?: string;
                    reason?: string;
                    signature?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        number: number;
                        key?: string;
                        /** Format: date-time */
                        from?: string;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "key.rotate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    days?: number;
                    number?: number;
                    signature?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        number: number;
                        key?: string;
                        /** Format: date-time */
                        from?: string;
                        /** Format: date-time */
                        until: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "kpi.evaluate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The first window begins then or later: an instant, a date, `2018-03` or `2018`. */
                    from: string;
                    /** @description The last window begins before that. Windows that have not closed are left out. */
                    to: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "kpi.explain": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The window: an instant in it, a date, `2018-03` or `2018`. */
                    window: string;
                    /**
                     * @description The values of dimensions; those that are left out may have any.
                     * @default {}
                     */
                    where?: {
                        [key: string]: unknown;
                    };
                    /**
                     * Format: uint
                     * @description How many rows are shown, up to the limit of the unit.
                     * @default null
                     */
                    limit?: number | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "kpi.get": {
        parameters: {
            query?: {
                /** @description Windows that begin then or later: an instant, a date, `2018-03` or `2018`. */
                from?: string;
                /** @description Windows that begin before that. */
                to?: string;
                /** @description How many values, the newest; 100 where absent, 10,000 at most. */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "kpi.list": {
        parameters: {
            query?: {
                /** @description Of how many windows of each KPI, the newest, `recent` has a value; none where absent. */
                values?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "ledger.list": {
        parameters: {
            query?: {
                /** @description only this contract */
                contract?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "metric.query": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description By which dimensions: none where absent.
                     * @default []
                     */
                    dimensions?: string[];
                    /**
                     * @description Windows that begin then or later: an instant, a date, `2018-03` or `2018`.
                     * @default null
                     */
                    from?: string | null;
                    /**
                     * @description Windows that begin before that.
                     * @default null
                     */
                    to?: string | null;
                    /**
                     * @description Which rows count: for a dimension a value, or a list of values.
                     * @default {}
                     */
                    where?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description How long windows are: as the metric says where absent.
                     * @default null
                     */
                    grain?: components["schemas"]["metric.query.Grain"] | null;
                    /**
                     * Format: uint
                     * @description How many values at most; 1,000 where absent.
                     * @default null
                     */
                    limit?: number | null;
                    /**
                     * @description `json` (where absent), `ndjson`, `table`, `csv` or `arrow`.
                     * @default null
                     */
                    format?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "metric.read": {
        parameters: {
            query?: {
                /** @description How many rows at most; 1,000 where absent. */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>[];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "mqtt_session.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "mqtt_session.kill": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description Whether the session goes too, with all that waits for it.
                     * @default false
                     */
                    forget?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        killed?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "mqtt_session.list": {
        parameters: {
            query?: {
                /** @description of this principal, for example `device:van-7` */
                principal?: string;
                /** @description with this client identifier */
                client?: string;
                /** @description `true`: with a connection; `false`: without */
                connected?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                        /** @description From where to go on, as `after`; absent where this is all. */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "node.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "offer.list": {
        parameters: {
            query?: {
                /** @description the peer whose offers are wanted; without it this unit's own */
                peer?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "offer.offered": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "package.sign": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    version: string;
                    digest: string;
                    size: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        key: number;
                        at: string;
                        signature: string;
                        card: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "peer.add": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    card?: Record<string, unknown>;
                    key?: string;
                    url?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        unit: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "peer.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        unit: string;
                        card: Record<string, unknown>;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "peer.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "peer.remove": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        removed: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "policy.check": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    operation: string;
                    resource: string;
                    as?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "policy.mine": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "policy.who": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    operation: string;
                    resource: string;
                    limit?: number;
                    /** @description From where to go on: what `next` said of the answer before. */
                    after?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "policy.why": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    operation: string;
                    resource: string;
                    as?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.get": {
        parameters: {
            query?: {
                /** @description this version alone; all together, in the newest diagram, where absent */
                version?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.list": {
        parameters: {
            query?: {
                /** @description whose name has this text */
                text?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.publish": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The message's name. */
                    message: string;
                    /**
                     * @description The correlation key.
                     * @default
                     */
                    correlation_key?: string;
                    /**
                     * @description What it carries.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description How long it waits for its process, ISO 8601: `P30D` where absent.
                     * @default null
                     */
                    ttl?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.resume": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description True where its instances are suspended or resumed too, by a bulk operation.
                     * @default false
                     */
                    instances?: boolean;
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.start": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description The first variables.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description What the business calls the instance.
                     * @default null
                     */
                    business_key?: string | null;
                    /**
                     * @description True where no other instance of this business key may be active.
                     * @default false
                     */
                    unique?: boolean;
                    /**
                     * @description True where the variables come from the form of the process: then they are checked against it.
                     * @default false
                     */
                    form?: boolean;
                    /**
                     * @description True where the caller, itself a process or a contract, waits for the end and its variables.
                     * @default false
                     */
                    wait?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description Accepted; the result comes later. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "process.suspend": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description True where its instances are suspended or resumed too, by a bulk operation.
                     * @default false
                     */
                    instances?: boolean;
                    /**
                     * @description True where it is only tried: the answer says what would happen, and nothing changes.
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "quality.get": {
        parameters: {
            query?: {
                /** @description How many days of each rule, the newest; 30 where absent. */
                days?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "quality.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "quality.run": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "query.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "query.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "query.list": {
        parameters: {
            query?: {
                /** @description Those that have this in their name or summary. */
                text?: string;
                /** @description Those of this application; empty: those that people have saved. */
                application?: string;
                /** @description `true`: the caller's own. */
                own?: string;
                /** @description How many; 1,000 where absent, 10,000 at most. */
                limit?: string;
                /** @description Those behind this name: `next` of the list before. */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                        /** @description `after` of the next list. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "query.run": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description The values of its parameters, by name. Those with a default may be left out. */
                    parameters?: Record<string, unknown>;
                    /** @enum {unknown} */
                    format?: "json" | "ndjson" | "table" | "csv" | "arrow";
                    /** @description How many rows of the answer, in its order. */
                    limit?: number;
                    /** @description How many rows are left out before. */
                    offset?: number;
                    /** @description Columns of the answer by which it is put in order, in place of the query's own; `-COLUMN` the other way round. */
                    order?: string[];
                    /** @description Rows that have a text in one of these columns, or in any where none is named; large and small letters are the same. */
                    search?: {
                        text: string;
                        columns?: string[];
                    };
                    /** @description What the caller names the query, so that `running.kill` can end it. */
                    tag?: string;
                    limits?: {
                        /** @description Rows of the result. More than `result_rows_max` of ndjson, csv or arrow are an export. */
                        rows?: number;
                        ms?: number;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "query.save": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The name: a lower-case letter, then lower-case letters, digits, `-` and `_`. */
                    name: string;
                    /** @description One SELECT. `$NAME` is the value of a parameter. */
                    sql: string;
                    /**
                     * @description What it answers.
                     * @default
                     */
                    summary?: string;
                    /**
                     * @description The parameters.
                     * @default []
                     */
                    parameters?: components["schemas"]["query.save.ParameterSpec"][];
                    /**
                     * Format: uint64
                     * @description The version that it replaces, 0 for none: refused where another is there. Any where absent.
                     * @default null
                     */
                    version?: number | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        version: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "receipt.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        receipt: string;
                        root: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "receipt.list": {
        parameters: {
            query?: {
                /** @description the contract */
                contract?: string;
                /** @description only receipts with a higher number */
                after?: string;
                /** @description how many at most, 100 without it */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "relation.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "relation.list": {
        parameters: {
            query?: {
                /** @description Those of these kinds, with commas between: stream, table, set_aside, view, metric, lent, system. */
                kind?: string;
                /** @description Those that have this in their name or summary. */
                text?: string;
                /** @description How many; 100 where absent, 1,000 at most. */
                limit?: string;
                /** @description Those behind this name: `next` of the list before. */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                        /** @description `after` of the next list. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "relation.read": {
        parameters: {
            query?: {
                /** @description How many rows at most; 1,000 where absent. */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>[];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "resource.apply": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    application?: string;
                    dry_run?: boolean;
                    exclusive?: boolean;
                    /** @description Kinds of which nothing is removed: what the application has and `manifests` do not name stays in it. */
                    keep?: string[];
                    manifests: Record<string, unknown>[];
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "resource.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                kind: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "resource.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                kind: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "resource.history": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                kind: string;
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "resource.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "rule.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        summary?: string;
                        stream: string;
                        version?: number;
                        /** @description Since when it looks at rows, business time. */
                        since?: string | null;
                        /** @description The first row that it looks at. */
                        from?: number | null;
                        /** @description The first row that it has not looked at. */
                        cursor?: number | null;
                        crossings: number;
                        late: number;
                        failed: number;
                        /** @description Why a row failed, the last time. */
                        problem?: string | null;
                        spec?: Record<string, unknown>;
                        /** @description What it remembers of devices: the first of them. */
                        states?: Record<string, unknown>[];
                        /** @description Its last crossings, the newest first. */
                        last?: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "rule.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: {
                            name: string;
                            summary?: string;
                            stream: string;
                            version?: number;
                            /** @description Since when it looks at rows, business time. */
                            since?: string | null;
                            /** @description The first row that it looks at. */
                            from?: number | null;
                            /** @description The first row that it has not looked at. */
                            cursor?: number | null;
                            crossings: number;
                            late: number;
                            failed: number;
                            /** @description Why a row failed, the last time. */
                            problem?: string | null;
                            spec?: Record<string, unknown>;
                            /** @description What it remembers of devices: the first of them. */
                            states?: Record<string, unknown>[];
                            /** @description Its last crossings, the newest first. */
                            last?: Record<string, unknown>[];
                        }[];
                        /** @description From where to go on, as `after`; absent where this is all. */
                        next?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "rule.reset": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description Of this device alone. */
                    device?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        reset?: boolean;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "running.kill": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description This one: `query/q7`, `instance/42`, `call/CONTRACT/7`, `process/NAME`, `work/tables`. */
                    id?: string;
                    kind?: string;
                    principal?: string;
                    resource?: string;
                    state?: string;
                    /** @description The caller's own of this tag, as `sql.query` takes it. */
                    tag?: string;
                    limit?: number;
                    /** @description From where to go on: what `next` said of the answer before. */
                    after?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "running.limit": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description Whom: `user:NAME` or `peer:UNIT`. */
                    principal?: string;
                    /** @description Or which query: `query/q7`, by `memory`, `time` and `rows`. */
                    id?: string;
                    /** @description Calls a second. */
                    rate?: number;
                    /** @description Calls at once; as many as a second where absent. */
                    burst?: number;
                    /** @description Calls at the same time. */
                    concurrency?: number;
                    /** @description Bytes of bodies a second. */
                    bytes?: number;
                    /** @description Bytes of memory of one query. */
                    memory?: number;
                    /** @description How long one query may take: `PT5S`. */
                    time?: string;
                    /** @description Rows of the result of one query. */
                    rows?: number;
                    /** @description Queries at the same time. */
                    queries?: number;
                    /** @description For how long: `PT10M`; until the unit stops where absent. */
                    lasting?: string;
                    /** @description Takes such a limit away. */
                    clear?: boolean;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "running.list": {
        parameters: {
            query?: {
                /** @description this one, `KIND/ID` */
                id?: string;
                /** @description of this kind: `query`, `instance`, `job`, `call` or `work` */
                kind?: string;
                /** @description of this principal, or on behalf of it */
                principal?: string;
                /** @description of this resource, for example `process/order-to-delivery` */
                resource?: string;
                /** @description the caller's own of this tag, as `sql.query` takes it */
                tag?: string;
                /** @description in this state */
                state?: string;
                /** @description so many at most */
                limit?: string;
                /** @description from where to go on: what `next` said of the answer before */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "running.pause": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description This one: `query/q7`, `instance/42`, `call/CONTRACT/7`, `process/NAME`, `work/tables`. */
                    id?: string;
                    kind?: string;
                    principal?: string;
                    resource?: string;
                    state?: string;
                    /** @description The caller's own of this tag, as `sql.query` takes it. */
                    tag?: string;
                    limit?: number;
                    /** @description From where to go on: what `next` said of the answer before. */
                    after?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "running.resume": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description This one: `query/q7`, `instance/42`, `call/CONTRACT/7`, `process/NAME`, `work/tables`. */
                    id?: string;
                    kind?: string;
                    principal?: string;
                    resource?: string;
                    state?: string;
                    /** @description The caller's own of this tag, as `sql.query` takes it. */
                    tag?: string;
                    limit?: number;
                    /** @description From where to go on: what `next` said of the answer before. */
                    after?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "screen.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The name. */
                        name: string;
                        /**
                         * Format: uint64
                         * @description Which version of its manifest this is.
                         */
                        version: number;
                        /** @description The application it belongs to, where it belongs to one. */
                        application?: string | null;
                        /** @description What people call the application, where a screen of it says so. */
                        application_title?: components["schemas"]["screen.get.Text"] | null;
                        /** @description What its manifest says. */
                        spec: components["schemas"]["screen.get.ScreenSpec"];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "screen.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description By application, then in the order that the screens say. */
                        items: components["schemas"]["screen.list.Entry"][];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.fetch": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    url: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.read": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        name: string;
                        version: number;
                        value: string;
                        encoding: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.rotate": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "secret.set": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    value: string;
                    /** @enum {unknown} */
                    encoding?: "text" | "base64";
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "session.begin": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    provider: string;
                    port?: number;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "session.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "session.create": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    user: string;
                    password: string;
                    summary?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "session.end": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "session.finish": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    key: string;
                    state: string;
                    code: string;
                    provider?: string;
                    issuer?: string;
                    summary?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "signal.publish": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Its name. */
                    signal: string;
                    /**
                     * @description What it carries.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * Format: uint64
                     * @description An instance that does not get it: the one that sends it has taken it already.
                     */
                    except?: number | null;
                    /**
                     * Format: uint64
                     * @description From which instance on; set by the engine, for all portions but the first.
                     */
                    from?: number | null;
                    /**
                     * Format: uint64
                     * @description Up to which instance; set by the engine, for all portions but the first.
                     */
                    last?: number | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "sql.cancel": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    id: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "sql.catalogue": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        relations: Record<string, unknown>[];
                        functions: string[];
                        /** @description True where there are more than are told. */
                        is_cut?: boolean;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "sql.describe": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    sql: string;
                    /**
                     * @description `postgres`: as clients of PostgreSQL write, with its catalogue.
                     * @enum {unknown}
                     */
                    dialect?: "craton" | "postgres";
                    /** @description The types of `$1`, `$2` … as far as they are known. */
                    types?: (string | null)[];
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {unknown} */
                        kind: "query" | "catalogue";
                        /** @description Types by the names of PostgreSQL. */
                        parameters: string[];
                        columns: {
                            name?: string;
                            type?: string;
                            modifier?: number;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "sql.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: Record<string, unknown>[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "sql.query": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    sql: string;
                    /** @enum {unknown} */
                    format?: "json" | "ndjson" | "table" | "csv" | "arrow";
                    /**
                     * @description `postgres`: as clients of PostgreSQL write, with its catalogue.
                     * @enum {unknown}
                     */
                    dialect?: "craton" | "postgres";
                    /** @description What the caller names the query, so that `running.kill` can end it. */
                    tag?: string;
                    /** @description The values of `$1`, `$2` …: JSON values, or `{"type": "int8", "value": …}`. */
                    parameters?: unknown[];
                    limits?: {
                        /** @description Rows of the result. More than `result_rows_max` of ndjson, csv or arrow are an export. */
                        rows?: number;
                        ms?: number;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "stream.append": {
        parameters: {
            query?: {
                /** @description `refuse` (all rows or none) or `set_aside` (good rows are kept, the others go to NAME_set_aside). */
                on_error?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
                "application/x-ndjson": string;
                "application/cloudevents+json": unknown;
                "application/cloudevents-batch+json": unknown;
                "application/vnd.apache.arrow.stream": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The offset of the first row. */
                        offset: number;
                        /** @description How many rows were appended. */
                        count: number;
                        /** @description How many were set aside. */
                        set_aside?: number;
                        /** @description Why rows of the body were set aside, 1,000 at most. */
                        faults?: {
                            /** @description Which row of the body, from 1. */
                            row?: number;
                            reason?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "stream.read": {
        parameters: {
            query?: {
                /** @description The offset of the first row; the stream's first where absent. */
                offset?: string;
                /** @description How many rows at most; 100 where absent. */
                limit?: string;
                /** @description So many of the last rows, in place of an offset. */
                last?: string;
                /** @description How long to wait for a row where there is none yet. */
                wait_ms?: string;
                /** @description `json` (an object with `rows`, `next` and `end`) or `ndjson` (a row a line). */
                format?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rows: Record<string, unknown>[];
                        /** @description The offset to go on from. */
                        next: number;
                        /** @description The offset behind the last row. */
                        end: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "subscription.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: {
                            /** @description The first 32 digits of the address's SHA-256, in hexadecimal. */
                            id?: string;
                            service?: string;
                            summary?: string;
                            language?: string;
                            created?: string;
                            renewed?: string;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "subscription.create": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The address that the browser's push service gave it. */
                    endpoint: string;
                    keys: {
                        p256dh: string;
                        auth: string;
                    };
                    /** @description As browsers give it; not kept. */
                    expirationTime?: number | null;
                    /** @description What tells the device apart for its user. */
                    summary?: string;
                    /** @description `en`, `zh`: in which the browser is told. */
                    language?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description The first 32 digits of the address's SHA-256, in hexadecimal. */
                        id?: string;
                        service?: string;
                        summary?: string;
                        language?: string;
                        created?: string;
                        renewed?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "subscription.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "subscription.key": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        key?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "table.compact": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "table.read": {
        parameters: {
            query?: {
                /** @description How many rows at most; 1,000 where absent. */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>[];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "table.seal": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "table.vacuum": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.assign": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The name of the person. */
                    assignee: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.claim": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.complete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /**
                     * @description The result.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                    /**
                     * @description When it was really done, where that was before it could be said: without signal, say. What lies before the task or in
                     *     the future is taken for the nearest instant that is possible.
                     * @default null
                     */
                    done_at?: string | null;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.get": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.list": {
        parameters: {
            query?: {
                /** @description `true`: the caller's own, and those that his roles may take */
                mine?: string;
                /** @description of instances whose business key begins so */
                search?: string;
                /** @description of this person */
                assignee?: string;
                /** @description of this process */
                process?: string;
                /** @description of this element */
                kind?: string;
                /** @description `created` or `claimed` */
                state?: string;
                /** @description how many, 100 where absent */
                limit?: string;
                /** @description the last of the page before: what `next` said */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: Record<string, unknown>[];
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.open": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description What is to be done, in a line. */
                    title: string;
                    /**
                     * @description More about it.
                     * @default null
                     */
                    description?: string | null;
                    /**
                     * @description Whose it is.
                     * @default null
                     */
                    assignee?: string | null;
                    /**
                     * @description Roles whose members may take it.
                     * @default []
                     */
                    candidates?: string[];
                    /**
                     * @description When it should be done: a time, or how long it may take, ISO 8601.
                     * @default null
                     */
                    due?: string | null;
                    /**
                     * Format: uint32
                     * @description How much it matters beside others, 0 to 100.
                     * @default null
                     */
                    priority?: number | null;
                    /**
                     * @description What whoever does it should see. `task` is the task itself.
                     * @default {}
                     */
                    variables?: {
                        [key: string]: unknown;
                    };
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        task: string;
                        instance: number;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "task.unclaim": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "token.list": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "token.create": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    user: string;
                    summary?: string;
                    scope?: ("Read" | "Write" | "Run" | "Manage")[];
                    /** Format: date-time */
                    expires?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "token.delete": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "topic.publish": {
        parameters: {
            query?: {
                /** @description the topic's name, which the filter of the manifest matches */
                topic?: string;
                /** @description 0, 1 or 2; 1 where absent */
                qos?: string;
                /** @description `true` where it is kept for those who subscribe later */
                retain?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
                "application/octet-stream": string;
                "text/plain": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Of its row, where the topic has a stream. */
                        offset?: number;
                        /** @description How many rows were set aside. */
                        set_aside?: number;
                        /** @description Why. */
                        reason?: string;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.backup": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    known?: string[];
                    previous?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/vnd.craton.backup": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.batch": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: {
                /** @description Makes it safe to repeat the request: it takes effect once in 24 hours. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    calls: {
                        /** @description An operation that changes something and takes JSON. */
                        operation: string;
                        /** @description The name of the resource; absent for the kind as a whole. */
                        name?: string;
                        /** @description Its parameters. */
                        args?: Record<string, unknown>;
                        /** @description Its idempotency key. */
                        key?: string;
                        /**
                         * Format: date-time
                         * @description The business time at which it happens.
                         */
                        at?: string;
                    }[];
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description One for each call, in their order. */
                        results: {
                            /** @description What the call answered. */
                            value?: unknown;
                            /** @description Why it was refused; nothing of it was done. */
                            problem?: Record<string, unknown>;
                        }[];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.metrics": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.settled": {
        parameters: {
            query?: {
                /** @description How long to wait for rest, in milliseconds. */
                wait_ms?: string;
                /** @description Messages of peers without which the unit does not rest: others have sent so many. */
                received?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.support": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/gzip": string;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.usage": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "unit.whoami": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "user.delete_password": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    current?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "user.list": {
        parameters: {
            query?: {
                /** @description so many at most */
                limit?: string;
                /** @description from where to go on: what `next` said of the answer before */
                after?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items?: {
                            user?: string;
                            /** @description Who it is. */
                            summary?: string | null;
                            /** @description Whether a manifest declares him; else an identity provider has vouched for him. */
                            declared?: boolean;
                            /** @description Who he is at an identity provider, `PROVIDER/NAME`. */
                            identity?: string | null;
                            /** @description What he holds, by his manifest and by his provider. */
                            roles?: string[];
                            /** @description When his password was set; absent where he has none. */
                            password_set?: string | null;
                            /** @description Tokens that have not ended. */
                            tokens?: number;
                            /** @description Sessions that he is signed in with. */
                            sessions?: number;
                            /** @description When a session of his was last used, to the minute. */
                            seen?: string | null;
                        }[];
                        /** @description Whether there may be more. */
                        more?: boolean;
                        /** @description From where to go on with `after`, where there may be more. */
                        next?: string | null;
                    };
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "user.set_password": {
        parameters: {
            query?: {
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                    current?: string;
                };
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    "view.read": {
        parameters: {
            query?: {
                /** @description How many rows at most; 1,000 where absent. */
                limit?: string;
                /** @description The business time at which it happens; the unit's business clock where absent. */
                at?: components["parameters"]["At"];
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, unknown>[];
                };
            };
            400: components["responses"]["Invalid"];
            401: components["responses"]["Unauthenticated"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            408: components["responses"]["Timeout"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["MediaType"];
            429: components["responses"]["Exhausted"];
            431: components["responses"]["HeadTooLarge"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
}
