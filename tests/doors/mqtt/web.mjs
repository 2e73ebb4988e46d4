// Exchanges of mqtt.js, at the doors of a unit and at mosquitto: over TCP, TLS and WebSocket, in 3.1.1 and 5. It stays connected, or
// connects again by itself, while the brokers are restarted: it says `restart`, and goes on when a line comes.
//
// usage: node web.mjs FOLDER PLACES      FOLDER has node_modules/mqtt; PLACES is a file with a list of {name, url, user, password, ca, is_unit}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, file] = process.argv.slice(2);
const mqtt = createRequire(`${folder}/`)("mqtt");
const PATIENCE = 60_000;

/** Waits until something is so. */
async function until(what, isSo) {
  for (const deadline = Date.now() + PATIENCE; !isSo(); ) {
    assert(Date.now() < deadline, `in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One place in one version of the protocol. */
class Scene {
  constructor(place, version) {
    Object.assign(this, { place, version, clients: [] });
  }

  topic(rest) {
    return `open/${this.place.name}/mqtt.js${this.version}/${rest}`;
  }

  /** Connects; what is heard is noted down. */
  async client(name, more = {}) {
    const { url, user, password, ca } = this.place;
    const client = mqtt.connect(url, {
      clientId: `${this.place.name}-mqtt.js${this.version}-${name}`, protocolVersion: this.version, username: user, password, ca: ca && readFileSync(ca),
      reconnectPeriod: 200, connectTimeout: PATIENCE, ...more,
    });
    // Before it is connected: what waits for it comes at once.
    client.heard = [];
    client.on("message", (topic, payload, packet) => client.heard.push({ topic: topic.replace(this.topic(""), ""), payload, packet }));
    this.clients.push(client);
    await new Promise((resolve, reject) => client.once("connect", resolve).once("error", reject));
    client.on("error", () => {});
    return client;
  }

  durable(name, more = {}) {
    const expiry = this.version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
    return this.client(name, { clean: false, ...expiry, ...more });
  }

  async end() {
    await Promise.all(this.clients.map((client) => client.endAsync(true)));
  }
}

const texts = (client) => client.heard.map(({ topic, payload, packet }) => `${topic} ${payload} q${packet.qos}${packet.retain ? " r" : ""}`);

async function hears(client, ...wanted) {
  await until(`${wanted.length} messages`, () => wanted.length <= client.heard.length);
  assert.deepEqual(texts(client).sort(), wanted.sort());
}

/** Before the restart. What goes on behind it is returned. */
async function begin(at) {
  const reader = await at.client("reader");
  const writer = await at.client("writer");
  const granted = await reader.subscribeAsync({ [at.topic("q/0")]: { qos: 0 }, [at.topic("q/1")]: { qos: 1 }, [at.topic("q/2")]: { qos: 2 } });
  assert.deepEqual(granted.map(({ qos }) => qos), [0, 1, 2]);
  const wanted = [];
  for (const given of [0, 1, 2]) {
    for (const qos of [0, 1, 2]) {
      await writer.publishAsync(at.topic(`q/${given}`), `${qos}`, { qos });
      wanted.push(`q/${given} ${qos} q${Math.min(given, qos)}`);
    }
  }
  await hears(reader, ...wanted);

  // More than fits into a frame, and many at once, in their order.
  const many = await at.client("many");
  await many.subscribeAsync(at.topic("many"), { qos: 1 });
  const large = Buffer.alloc(200_000, 7);
  await writer.publishAsync(at.topic("many"), large, { qos: 1 });
  await Promise.all(Array.from({ length: 200 }, (_, n) => writer.publishAsync(at.topic("many"), `${n}`, { qos: 1 })));
  await until("201 messages", () => 201 <= many.heard.length);
  assert(many.heard[0].payload.equals(large));
  assert.deepEqual(many.heard.slice(1).map(({ payload }) => Number(payload)), Array.from({ length: 200 }, (_, n) => n));

  // A will, and what is retained.
  const watcher = await at.client("watcher");
  await watcher.subscribeAsync(at.topic("will"), { qos: 1 });
  const lost = await at.client("lost", { will: { topic: at.topic("will"), payload: "gone", qos: 1, retain: true }, reconnectPeriod: 0 });
  lost.stream.destroy();
  await hears(watcher, "will gone q1");
  const late = await at.client("late");
  await late.subscribeAsync(at.topic("will"), { qos: 1 });
  await hears(late, "will gone q1 r");
  await writer.publishAsync(at.topic("will"), "", { qos: 1, retain: true });

  if (at.version === 5) await ofFive(at, writer);
  if (at.place.is_unit) await refused(at, writer);

  // A session that is away, and one that is there.
  const away = await at.durable("away");
  await away.subscribeAsync(at.topic("kept"), { qos: 2 });
  await away.endAsync();
  const there = await at.durable("there");
  await there.subscribeAsync(at.topic("kept"), { qos: 2 });
  const speaker = await at.durable("speaker");
  for (const n of [0, 1, 2]) await speaker.publishAsync(at.topic("kept"), `${n}`, { qos: n });
  await until("what is said before", () => 3 <= there.heard.length);
  return { there, speaker };
}

/** What MQTT 5 has beside. */
async function ofFive(at, writer) {
  const reader = await at.client("five", { properties: { receiveMaximum: 1 } });
  await reader.subscribeAsync(at.topic("five/+"), { qos: 1, properties: { subscriptionIdentifier: 42 } });
  const userProperties = { a: ["1", "2"], b: "ü" };
  await writer.publishAsync(at.topic("five/x"), "1", {
    qos: 1, properties: { userProperties, contentType: "text/plain", responseTopic: "there", correlationData: Buffer.from([0, 255]), messageExpiryInterval: 60 },
  });
  await until("a message", () => reader.heard.length === 1);
  const { properties } = reader.heard[0].packet;
  assert.deepEqual({ ...properties.userProperties }, userProperties);
  assert.deepEqual([properties.contentType, properties.responseTopic, properties.subscriptionIdentifier], ["text/plain", "there", 42]);
  assert.deepEqual([...properties.correlationData], [0, 255]);
  assert(0 < properties.messageExpiryInterval && properties.messageExpiryInterval <= 60);
  // It gives aliases by itself.
  const alias = await at.client("alias", { autoAssignTopicAlias: true });
  for (let n = 0; n < 5; n += 1) await alias.publishAsync(at.topic(`five/${n % 2}`), `${n}`, { qos: 1 });
  await until("5 messages", () => reader.heard.length === 6);
  assert.deepEqual(texts(reader).slice(1), [0, 1, 2, 3, 4].map((n) => `five/${n % 2} ${n} q1`));
  // Of a shared subscription each has a part.
  const members = await Promise.all(["one", "other"].map((name) => at.client(name)));
  for (const member of members) await member.subscribeAsync(`$share/js/${at.topic("shared")}`, { qos: 1 });
  for (let n = 0; n < 20; n += 1) await writer.publishAsync(at.topic("shared"), `${n}`, { qos: 1 });
  await until("20 messages", () => members.reduce((sum, { heard }) => sum + heard.length, 0) === 20);
  assert(members.every(({ heard }) => 0 < heard.length));
}

/** What the unit refuses is told as mqtt.js tells it. */
async function refused(at, writer) {
  const code = at.version === 5 ? 0x86 : 4;
  await assert.rejects(at.client("stranger", { password: "craton_no" }), (error) => error.code === code);
  if (at.version === 5) {
    await assert.rejects(writer.publishAsync("closed/x", "1", { qos: 1 }), (error) => error.code === 0x87);
    await assert.rejects(writer.subscribeAsync("closed/x", { qos: 1 }), /Not authorized/);
  }
}

/** While the broker is away, and after. */
async function go(at, { there, speaker }, restarted) {
  // It has noticed, or will: what is said now is sent when there is somebody to take it.
  const said = Promise.all([3, 4].map((n) => speaker.publishAsync(at.topic("kept"), `${n}`, { qos: 2 })));
  await restarted;
  await said;
  await hears(there, "kept 0 q0", "kept 1 q1", "kept 2 q2", "kept 3 q2", "kept 4 q2");
  const away = await at.durable("away");
  await hears(away, "kept 1 q1", "kept 2 q2", "kept 3 q2", "kept 4 q2");
}

const scenes = JSON.parse(readFileSync(file, "utf8")).flatMap((place) => [4, 5].map((version) => new Scene(place, version)));
const faults = [];

/** Takes a step in all scenes at once; who has failed is left out. */
async function all(step) {
  await Promise.all(scenes.filter(({ fault }) => !fault).map(async (at) => {
    try {
      at.held = await step(at);
    } catch (error) {
      at.fault = error;
      faults.push(`${at.place.name} in version ${at.version}: ${error.stack}`);
    }
  }));
}

await all(begin);
const lines = createInterface({ input: process.stdin });
const restarted = new Promise((resolve) => lines.once("line", resolve));
console.log("restart");
await all((at) => go(at, at.held, restarted));
lines.close();
await Promise.all(scenes.map((at) => at.end()));
faults.forEach((fault) => console.error(fault));
process.exitCode = faults.length ? 1 : 0;
