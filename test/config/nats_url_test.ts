import assert from "node:assert/strict";
import { configOf, configure, errorsOf, errorsOfFile } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

function clusterAt(url: string) {
  const { cluster } = configOf({ ...cmd, JOBRUNNER_NATS_URL: url });
  return cluster && [cluster.servers, cluster.tls !== undefined];
}

const wanted =
  "JOBRUNNER_NATS_URL: must be the addresses of NATS servers after nats:// or tls://, separated by commas, such as tls://nats1.example.com,nats2.example.com:4223";

Deno.test("JOBRUNNER_NATS_URL names one or several servers, with the port 4222 unless another is given", () => {
  const accepted: Readonly<Record<string, readonly [servers: string[], tls: boolean]>> = {
    "nats://localhost": [["localhost:4222"], false],
    "NATS://N1.Example.com:5222/": [["n1.example.com:5222"], false],
    "tls://10.0.0.1:1": [["10.0.0.1:1"], true],
    "nats://[::1]": [["[::1]:4222"], false],
    "nats://[FD00::1]:65535": [["[fd00::1]:65535"], false],
    "nats://my_nats": [["my_nats:4222"], false],
    "nats://a,b:7": [["a:4222", "b:7"], false],
    "tls://a, tls://b:7 ,[::1]:8": [["a:4222", "b:7", "[::1]:8"], true],
  };
  for (const [url, found] of Object.entries(accepted)) assert.deepEqual(clusterAt(url), found, url);
});

Deno.test("JOBRUNNER_NATS_URL that is not valid is an error that says why", () => {
  const refused: Readonly<Record<string, string>> = {
    "h": "it must begin with nats:// or tls://",
    "h:4222,nats://i": "it must begin with nats:// or tls://",
    "http://h": "http://h is not one",
    "nats://h:0": "nats://h:0 is not one",
    "nats://h:65536": "nats://h:65536 is not one",
    "nats://h:x": "*** is not one",
    "nats://": "nats:// is not one",
    "nats://h,": "an empty entry is not one",
    "nats://::1": "*** is not one",
    "nats://[::1": "*** is not one",
    "nats://[fe80::1%eth0]": "*** is not one",
    "nats://[1.2.3.4]": "nats://[1.2.3.4] is not one",
    "nats://1.2.3": "nats://1.2.3 is not one",
    "nats://-h": "nats://-h is not one",
    "nats://h/path": "nats://h/path is not one",
    "nats://h?a=b": "*** is not one",
    "nats://a,tls://b": "all of them must have the same scheme",
  };
  for (const [url, why] of Object.entries(refused)) {
    assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_NATS_URL: url }), [`${wanted} (${why})`], url);
  }
});

Deno.test("JOBRUNNER_NATS_URL with credentials is an error that does not show them", () => {
  const sentence =
    `${wanted} (it contains a user, a password or a token: these have settings and files of their own)`;
  for (
    const url of [
      "nats://ann:hunter2@h",
      "nats://hunter2@h:4222",
      "nats://a,nats://ann:hunter2@h",
      "ann:hunter2@h",
      "nats://ann:hun,ter2@h",
    ]
  ) assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_NATS_URL: url }), [sentence], url);
  for (const url of ["nats://ann:hunter2", "nats://h#hunter2", "nats://h/?hunter2", "a:hunter2"]) {
    assert.ok(!errorsOf({ ...cmd, JOBRUNNER_NATS_URL: url }).join().includes("hunter2"), url);
    assert.ok(!errorsOf(cmd, [`--nats-url=${url}`]).join().includes("hunter2"), url);
    const toml = `nats_url = "${url}"\n[commands.a]\ncmd = "/bin/date"\n`;
    assert.ok(!errorsOfFile(toml).join().includes("hunter2"), url);
  }
});

Deno.test("JOBRUNNER_NATS_URL may be an array in the configuration file", () => {
  const toml = 'nats_url = ["nats://a", "b:7"]\n[commands.a]\ncmd = "/bin/date"\n';
  const result = configure({}, { toml });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.config.cluster?.servers, ["a:4222", "b:7"]);
});
