import assert from "node:assert/strict";
import { createActivity } from "../../src/http/activity.ts";
import { createBuffers } from "../../src/http/body/buffers.ts";
import { readFormToDisk } from "../../src/http/body/form.ts";
import { createFormParser } from "../../src/http/body/multipart.ts";
import type { FileWriter, Inbox } from "../../src/spool/inbox.ts";
import { byHand } from "../support/deadlines.ts";
import { diskShare, inboxInMemory } from "../support/inbox.ts";
import { nextTurn } from "../support/turn.ts";

const encoder = new TextEncoder();

const part = (parameters: string) => `--B\r\nContent-Disposition: form-data; ${parameters}\r\n\r\n`;

/** The beginnings of forms, and what follows them again and again. */
const forms: Readonly<Record<string, readonly [beginning: string, rest: string]>> = {
  "a file": [part("name=a; filename=f"), "0123456789abcdef"],
  "beginnings of boundaries in a file": [part("name=a; filename=f"), "\r\n--\r\n-\r\n\r"],
  "line ends in a file": [part("name=a; filename=f"), "\r\n"],
  "text before the first part": ["", "\r\n--\r\n--A"],
  "text after the last part": ["--B--\r\n", "--B\r\n\r\n--B--"],
  "a header that does not end": ["--B\r\nX: ", "y"],
  "headers that do not end": ["--B\r\n", "X: y\r\n"],
  "lines without a colon": ["--B\r\n", "\r\rx\n"],
  "boundaries one after the other": ["", "\r\n--B"],
  "fields": ["", `${part("name=a")}\r\n`],
  "empty files": ["", `${part("name=a; filename=f")}\r\n`],
  "a field": [part("name=a"), "0123456789abcdef"],
};

const pieceLength = 64 * 1024;

/** An inbox that takes everything, in later turns, and keeps nothing. */
function nowhere(): Inbox {
  const openPart = (): Promise<FileWriter> => {
    let length = 0;
    return Promise.resolve({
      name: "001",
      get length() {
        return length;
      },
      async write(bytes) {
        await nextTurn();
        length += bytes.length;
      },
      end: () => Promise.resolve(),
    });
  };
  return { ...inboxInMemory().inbox, openPart };
}

Deno.test("readFormToDisk() holds little of a form, whatever it is", async () => {
  const total = 80_000_000;
  const growths: [name: string, bytes: number][] = [];
  // The first form warms up: its pieces stay until the garbage collector has come once.
  for (
    const [name, [beginning, rest]] of [
      ...Object.entries(forms).slice(0, 1),
      ...Object.entries(forms),
    ]
  ) {
    const piece = encoder.encode(rest.repeat(Math.ceil(pieceLength / rest.length)));
    let sent = 0;
    let most = 0;
    const body = new ReadableStream({
      type: "bytes",
      pull(controller) {
        if (sent >= total) return controller.error(new Error("broken"));
        const bytes = sent === 0 ? encoder.encode(beginning || "\r\n") : piece.slice();
        sent += bytes.length;
        if (sent % (20 * pieceLength) < pieceLength) {
          most = Math.max(most, Deno.memoryUsage().rss);
        }
        controller.enqueue(bytes);
      },
    });
    const request = new Request("http://x", {
      method: "POST",
      body,
      headers: {
        "content-type": "multipart/form-data; boundary=B",
        "content-length": String(total),
      },
    });
    const limits = {
      maxBytes: Infinity,
      periods: byHand(1000),
      cut: new AbortController().signal,
      uploads: createActivity(),
    };
    const before = Deno.memoryUsage().rss;
    const buffers = createBuffers(Infinity);
    const outcome = await readFormToDisk(request, limits, buffers.open(), {
      inbox: nowhere(),
      disk: diskShare(),
    });
    assert.ok(!outcome.ok, name);
    growths.push([name, most - before]);
  }
  for (const [name, bytes] of growths.slice(1)) {
    assert.ok(bytes < 35_000_000, `${name}: ${bytes} bytes of memory`);
  }
});

Deno.test("createFormParser() takes little time for any piece of a form", async () => {
  for (const [name, [beginning, rest]] of Object.entries(forms)) {
    const piece = encoder.encode(rest.repeat(Math.ceil(4 * pieceLength / rest.length)));
    let shortest = Infinity;
    for (let run = 0; run < 5; run++) {
      const parser = await createFormParser("B");
      parser.write(encoder.encode(beginning || "\r\n"));
      const startedAt = performance.now();
      parser.write(piece);
      shortest = Math.min(shortest, performance.now() - startedAt);
    }
    assert.ok(shortest < 50, `${name}: ${shortest.toFixed(1)} ms`);
  }
});
