import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { configOfFile, configure, type Disk, errorsOfFile } from "../../support/machine.ts";

const command = "[commands.a]\ncmd = '/bin/date'\n";
const disk: Disk = {
  "/run/one": { text: "one" },
  "/run/two": { text: "two" },
  "/run/three": { text: "three" },
};

Deno.test("the password comes from the flag, else from the variables, else from the file", () => {
  const passwordOf = (top: string, env: Record<string, string> = {}, args: string[] = []) => {
    const { passwordDigest } = configOfFile(top + command, { env, args, disk }).http;
    return ["one", "two", "three"].find((password) =>
      passwordDigest && createHash("sha256").update(password).digest().equals(passwordDigest)
    );
  };
  const [text, path] = ["password = 'one'\n", "password_file = '/run/one'\n"];
  assert.equal(passwordOf(""), undefined);
  for (const top of [text, path]) {
    assert.equal(passwordOf(top), "one");
    assert.equal(passwordOf(top, { JOBRUNNER_PASSWORD: "two" }), "two");
    assert.equal(passwordOf(top, { JOBRUNNER_PASSWORD_FILE: "/run/two" }), "two");
    assert.equal(passwordOf(top, { JOBRUNNER_PASSWORD: "\n" }), "one", "counts as unset");
    const flag = ["--password-file=/run/three"];
    assert.equal(passwordOf(top, { JOBRUNNER_PASSWORD: "two" }, flag), "three");
    assert.equal(passwordOf(top, {}, flag), "three");
  }
  assert.deepEqual(errorsOfFile(text + path + command, { disk }), [
    "jobrunner.toml:2: password_file: must be left out when password is set",
  ]);
  assert.equal(passwordOf(text + path, { JOBRUNNER_PASSWORD: "two" }), "two");
  assert.deepEqual(
    errorsOfFile(text + command, {
      env: { JOBRUNNER_PASSWORD: "x", JOBRUNNER_PASSWORD_FILE: "/run/two" },
      disk,
    }),
    ["JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set"],
  );
});

Deno.test("a password in the file opens no listening: the server may listen beyond loopback with it", () => {
  const top = "http_listen_address = '0.0.0.0'\npassword = 'one'\n";
  assert.equal(configOfFile(top + command).http.address, "0.0.0.0");
});

Deno.test("errors and effective settings show no password, no value of env and no value of an unknown key", () => {
  const secret = "hunter2";
  const values = [
    `"${secret}"`,
    `" ${secret}"`,
    `["${secret}"]`,
    `{ x = "${secret}" }`,
    `"http://user:${secret}@example.com/?${secret}"`,
    `"""\n${secret}\n${secret}"""`,
  ];
  for (const value of values) {
    for (
      const toml of [
        `password = ${value}\n${command}`,
        `passwort = ${value}\n${command}`,
        `commands.password = ${value}\n${command}`,
        `pools.password = ${value}\n${command}`,
        `commands.a = { cmd = "/bin/date", passwort = ${value}, password = ${value} }`,
        `commands.a = { cmd = "/bin/date", env = ${value} }`,
        `commands.a = { cmd = "/bin/date", env.A = ${value}, env.JOBRUNNER_A = ${value} }`,
        `commands.a = { cmd = "/bin/date", env."A=B" = ${value}, env.TRACEPARENT = ${value} }`,
        `password = ${value}\nx = oops`,
      ]
    ) {
      const result = configure({}, { toml });
      const shown = result.ok ? [...result.effective, ...result.warnings] : result.errors;
      assert.ok(!shown.join().includes(secret), `${toml}\n${shown.join("\n")}`);
    }
  }
  const url = `http_listen_address = "http://user:${secret}@example.com/?${secret}"\n`;
  assert.ok(!errorsOfFile(url + command).join().includes(secret));
});
