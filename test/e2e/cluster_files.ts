/**
 * The files of contrib/nats: what nats-server, systemd and Kubernetes read. Needs nats-server (see `test/support/nats_server.ts`),
 * systemd and ruby.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { configOf } from "../support/machine.ts";
import { connected, openReportingLink } from "../support/nats_links.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";
import { fixture, projectRoot, startProgram } from "../support/program.ts";
import { replaced, textOf } from "../support/recipes.ts";

const folder = `${projectRoot}contrib/nats`;
const natsServer = Deno.env.get("JOBRUNNER_TEST_NATS") ?? "nats-server";
const password = "a password with a $ in it";

function text(name: string): string {
  return Deno.readTextFileSync(`${folder}/${name}`);
}

async function run(
  name: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly shown: string }> {
  const { code, stdout, stderr } = await new Deno.Command(name, { args: [...args] }).output();
  return { code, shown: textOf(stdout) + textOf(stderr) };
}

const serverConfig = text("nats-server.conf");

const passwordLine = `JOBRUNNER_PASSWORD: "${password}"\n`;

const tls = `${projectRoot}test/fixtures/tls`;

/** With TLS, and then also with certificates of the machines. */
const withTls = replaced(
  replaced(
    serverConfig.replace(/^#(?=tls \{|\}| {2}[\w#])/gm, ""),
    "/etc/nats-tls/ca.pem",
    `${tls}/self_signed.pem`,
  ),
  "/etc/nats-tls",
  tls,
);
const withBoth = replaced(withTls, "  #handshake_first", "  handshake_first")
  .replace(/^ {2}#(?=(ca_file|verify): )/gm, "  ");

/** A configuration for `startNatsServer()`, which has an address and a store of its own. */
function forTest(config: string): string {
  return replaced(config, 'include "jobrunner-password.conf"\n', passwordLine)
    .replace(/^listen: .*/m, "").replace(/^jetstream \{[\s\S]*?^\}/m, "");
}

Deno.test("nats-server accepts nats-server.conf, also with TLS, and refuses it without the password", async () => {
  using place = temporaryFolder();
  const path = `${place.path}/nats-server.conf`;
  const check = async (config: string) => {
    Deno.writeTextFileSync(path, config);
    return await run(natsServer, ["-t", "-c", path]);
  };
  const { code, shown } = await check(serverConfig);
  assert.equal(code, 1);
  assert.match(shown, /jobrunner-password\.conf/);
  Deno.writeTextFileSync(`${place.path}/jobrunner-password.conf`, passwordLine);
  for (const config of [serverConfig, withTls, withBoth]) {
    assert.match((await check(config)).shown, /is valid/, config);
  }
  assert.notEqual((await check(replaced(withBoth, "verify: true", "verify: x"))).code, 0);
});

/** A machine with one worker and one place, and the credentials of nats-server.conf. */
const machine = (
  address: string,
  folder: string,
  name: string,
  env: Readonly<Record<string, string>> = {},
) =>
  startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: "1",
      JOBRUNNER_SPOOL_DIR: folder,
      JOBRUNNER_NATS_URL: `nats://${address}`,
      JOBRUNNER_NATS_USER: "jobrunner",
      JOBRUNNER_NATS_PASSWORD_FILE: `${folder}/password`,
      NAME: name,
      ...env,
    },
  });

Deno.test("with the permissions of nats-server.conf a group does all that it does, and nothing else is allowed", async () => {
  using place = temporaryFolder();
  const { path } = place;
  Deno.writeTextFileSync(`${path}/password`, password);
  await using server = await startNatsServer({ config: forTest(serverConfig) });
  await using first = await machine(server.address, path, "first");
  await using second = await machine(server.address, path, "second");
  await using reporting = openReportingLink(server.address, {
    credentials: { kind: "password", user: "jobrunner", password },
  });
  const { link, failures } = reporting;
  await connected(link);
  const stream = "JR1_default_default";
  const has = async (what: { readonly messages?: number; readonly maxMessages?: number }) => {
    const size = await link.size(stream).catch(() => undefined);
    return Object.entries(what).every(([name, value]) =>
      size?.[name as keyof typeof size] === value
    );
  };
  await eventually("the queue has the size of both", () => has({ maxMessages: 4 }));
  // Payload and result are too large for one message, so the machines fetch them from each other.
  const long = (name: string) =>
    `echo $NAME; : > ${path}/${name}; until [ -e ${path}/free ]; do sleep 0.05; done
    head -c 3000000 /dev/zero | tr '\\0' x > "$JOBRUNNER_RESPONSE_DATA_FN"; exit
    ${"#".repeat(200_000)}`;
  const running = ["one", "two"].map((name) => post(first.url, long(name)));
  await Promise.all(["one", "two"].map((name) => fileExists(`${path}/${name}`)));
  const leaving = new AbortController();
  const left = post(second.url, "echo never", { signal: leaving.signal }).catch(() => "left");
  await eventually("a third job waits", () => has({ messages: 3 }));
  assert.ok((await link.read(stream, 3)).length > 0, "as every ten seconds");
  leaving.abort();
  assert.equal(await left, "left");
  await eventually("it has left", () => has({ messages: 2 }));
  Deno.writeTextFileSync(`${path}/free`, "");
  const answers = await Promise.all(running);
  assert.deepEqual(answers.map(({ output }) => output).sort(), ["first\n", "second\n"]);
  assert.deepEqual(answers.map(({ data }) => data.length), [3_000_000, 3_000_000]);
  for (const { log } of [first, second]) {
    assert.ok(!log.some((line) => /NATS user|may not|cannot be/.test(line)), log.join("\n"));
  }
  for (
    const subject of [`$JS.API.STREAM.DELETE.${stream}`, "jr1.other.hb", "$SYS.REQ.SERVER.PING"]
  ) {
    await assert.rejects(link.request(subject, new Uint8Array(), 1000), { trouble: "refused" });
  }
  assert.equal(failures.length, 3);
  assert.ok(await has({ messages: 0 }));
});

Deno.test("jobrunner connects with TLS, and with a certificate of its own, as nats-server.conf has it", async () => {
  using place = temporaryFolder();
  Deno.writeTextFileSync(`${place.path}/password`, password);
  const own = {
    JOBRUNNER_NATS_TLS_FIRST: "on",
    JOBRUNNER_NATS_CERT_FILE: `${tls}/self_signed.pem`,
    JOBRUNNER_NATS_KEY_FILE: `${tls}/self_signed_key.pem`,
  };
  for (const [config, more] of [[withTls, {}], [withBoth, own]] as const) {
    await using server = await startNatsServer({ config: forTest(config) });
    await using program = await machine(server.address, place.path, "first", {
      JOBRUNNER_NATS_URL: `tls://${server.address}`,
      JOBRUNNER_NATS_CA_FILE: `${tls}/ca.pem`,
      ...more,
    });
    assert.equal((await post(program.url, "echo hello")).output, "hello\n");
  }
});

Deno.test("systemd-analyze verify accepts the drop-ins of nats-server and of jobrunner", async () => {
  const debian = "[Service]\nExecStart=/bin/true\nUser=daemon\n";
  const own = Deno.readTextFileSync(`${projectRoot}contrib/systemd/jobrunner.service`)
    .replace(/^ExecStart=.*/m, "ExecStart=/bin/true serve");
  for (const [name, unit] of [["nats-server", debian], ["jobrunner", own]] as const) {
    using place = temporaryFolder();
    const path = `${place.path}/${name}.service`;
    Deno.writeTextFileSync(path, unit);
    Deno.mkdirSync(`${path}.d`);
    const verify = async (dropIn: string) => {
      Deno.writeTextFileSync(`${path}.d/drop-in.conf`, dropIn);
      const { shown } = await run("systemd-analyze", ["verify", path]);
      return shown.split("\n").filter((line) => line.includes(place.path));
    };
    const dropIn = text(`${name}.service.conf`);
    assert.deepEqual(await verify(dropIn), []);
    assert.match((await verify(`${dropIn}Unneeded=yes\n`)).join(), /Unneeded/);
  }
  assert.ok(text("nats-server.service.conf").includes("\nStateDirectory=nats-server\n"));
  assert.ok(serverConfig.includes('store_dir: "/var/lib/nats-server"'));
});

/** What YAML files hold matters here only as far as it is looked at. */
// deno-lint-ignore no-explicit-any
type Yaml = any;

async function yaml(name: string): Promise<readonly Yaml[]> {
  const script = 'require "yaml"; require "json"; puts JSON.dump(YAML.load_stream(STDIN.read))';
  const child = new Deno.Command("ruby", {
    args: ["-e", script],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const [{ stdout }] = await Promise.all([
    child.output(),
    new Blob([text(name)]).stream().pipeTo(child.stdin),
  ]);
  return JSON.parse(textOf(stdout));
}

const settings = Deno.readTextFileSync(`${projectRoot}docs/reference/settings.md`);

/** How long a stop may take at most by default: the drain, the grace, and ten seconds for all else. */
const { drainTimeoutMs, killGraceMs } = configOf({ JOBRUNNER_CMD: "/bin/date" }).stopping;
const stopSec = (drainTimeoutMs + killGraceMs) / 1000 + 10;

/** Throws unless these are settings, and share a queue. */
function assertSettings(names: readonly string[]): void {
  assert.ok(names.includes("JOBRUNNER_NATS_URL"));
  for (const name of names) assert.ok(settings.includes(`| \`${name}\``), name);
}

Deno.test("compose.yaml has three servers that know each other, and jobrunner with settings and secrets that exist", async () => {
  const [{ services, networks, secrets }] = await yaml("compose.yaml");
  const servers = ["nats1", "nats2", "nats3"];
  const { jobrunner, ...others } = services;
  assert.deepEqual(Object.keys(others), servers);
  for (
    const [name, { command, volumes, networks: [network, ...more] }] of Object.entries<Yaml>(others)
  ) {
    const routes = servers.filter((other) => other !== name).map((other) => `nats://${other}:6222`);
    assert.ok(command.endsWith(
      `--name ${name} --cluster_name jobrunner ` +
        `--cluster nats://0.0.0.0:6222 --routes ${routes.join()}`,
    ));
    assert.ok(volumes.includes(`./nats-server.conf:${command.split(" ")[1]}:ro`));
    assert.deepEqual([networks[network].internal, more], [true, []], "nobody else reaches them");
  }
  const { environment } = jobrunner;
  assertSettings(Object.keys(environment));
  assert.equal(environment.JOBRUNNER_NATS_URL, "nats://nats1:4222,nats2:4222,nats3:4222");
  assert.equal(environment.JOBRUNNER_NATS_REPLICAS, String(servers.length));
  assert.equal(jobrunner.stop_grace_period, `${stopSec}s`);
  const names = jobrunner.secrets.map((secret: Yaml) => secret.source ?? secret);
  assert.deepEqual(names, Object.keys(secrets));
});

Deno.test("the base for Kubernetes has parts that fit together, and settings that exist", async () => {
  const [{ resources, configMapGenerator: [{ name: configMap, files }] }] = await yaml(
    "kustomization.yaml",
  );
  const objects = (await Promise.all(resources.map(yaml))).flat();
  const named = (kind: string, name: string) => {
    const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
    assert.ok(found, `${kind} ${name}`);
    return found.spec;
  };
  assert.deepEqual([configMap, files], ["nats-server", ["nats-server.conf"]]);
  for (const [kind, name] of [["StatefulSet", "nats"], ["Deployment", "jobrunner"]] as const) {
    const { selector, template, volumeClaimTemplates = [] } = named(kind, name);
    const { containers: [container], volumes } = template.spec;
    const { selector: served, ports: [{ port }] } = named("Service", name);
    assert.deepEqual([served, selector.matchLabels], [template.metadata.labels, served]);
    assert.equal(container.ports[0].containerPort, port);
    const has = [...volumes, ...volumeClaimTemplates.map(({ metadata }: Yaml) => metadata)];
    assert.deepEqual(
      container.volumeMounts.map((mount: Yaml) => mount.name).sort(),
      has.map((volume) => volume.name).sort(),
    );
  }
  const { podSelector, ingress } = named("NetworkPolicy", "nats");
  assert.deepEqual(podSelector.matchLabels, named("Service", "nats").selector);
  assert.deepEqual(
    ingress[0].from[0].podSelector.matchLabels,
    named("Service", "jobrunner").selector,
  );
  const { spec } = named("Deployment", "jobrunner").template;
  assert.equal(spec.terminationGracePeriodSeconds, stopSec);
  const [{ env, readinessProbe, livenessProbe }] = spec.containers;
  assertSettings(env.map(({ name }: Yaml) => name));
  assert.equal(readinessProbe.httpGet.path, "/readyz");
  assert.equal(livenessProbe.httpGet.path, "/livez");
});
