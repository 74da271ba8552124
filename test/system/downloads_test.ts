/**
 * Large answers of `POST /run`, which come from files.
 */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";

const lines = 3_000_000;
const expected = Array.from({ length: lines }, (_, at) => `${at + 1}\n`).join("");

/** Names of what the server's spool holds. */
function spoolFiles(folder: string): string[] {
  const [server = ""] = [...Deno.readDirSync(folder)].map(({ name }) => name);
  return [...Deno.readDirSync(`${folder}/${server}/spool`)].map(({ name }) => name);
}

for (const protocol of ["HTTP/1.1", "HTTP/2"] as const) {
  const tls = protocol === "HTTP/2"
    ? {
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
    }
    : {};

  for (const target of ['"$JOBRUNNER_RESPONSE_DATA_FN"', "/dev/stdout"]) {
    Deno.test(`${protocol}: a client that reads a large answer slowly gets every byte of ${target}`, async () => {
      using folder = temporaryFolder();
      await using server = await startProgram({
        env: {
          ...tls,
          JOBRUNNER_CMD: fixture("run_payload.sh"),
          JOBRUNNER_SPOOL_DIR: folder.path,
        },
      });
      const { url } = server;
      using client = Deno.createHttpClient({
        caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))],
      });
      const { status, body } = await fetch(`${url}/run`, {
        method: "POST",
        body: `seq ${lines} >${target}`,
        client,
      });
      assert.equal(status, 200);
      assert.ok(body);
      const decoder = new TextDecoder();
      let text = "";
      let pieces = 0;
      for await (const piece of body) {
        // The server has more to send meanwhile.
        if (++pieces <= 20) await (await fetch(`${url}/status`, { client })).text();
        text += decoder.decode(piece, { stream: true });
      }
      assert.equal(text.length, expected.length);
      assert.ok(text === expected);
      await eventually("the answer's file is gone", () => spoolFiles(folder.path).length === 0);
    });
  }
}
