/**
 * The work on a client's bytes grows in proportion to their number: every parser is given its worst inputs at one, two
 * and four times a size. Quadratic work takes four times as long for twice the input.
 */

import assert from "node:assert/strict";
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { formatOf } from "../../src/http/answer/accept.ts";
import { createFormParser } from "../../src/http/body/multipart.ts";
import { passingOn } from "../../src/telemetry/trace.ts";
import { decodeBase64, errorInBase64 } from "../../src/wire/base64.ts";
import { parsePayloadRequest } from "../../src/wire/payload_request.ts";
import { readRunHead } from "../../src/wire/run_request.ts";
import { setUp } from "../support/routes.ts";

/** Does the work on an input of a size. */
type Work = () => unknown;

/** What twice the input may cost: between the 2 of linear and the 4 of quadratic work. */
const mostGrowth = 3;

/**
 * A busy machine makes single runs longer, never shorter, so the shortest of several counts. With too few runs, a
 * small input that happened to take long would make quadratic work look linear.
 */
const fewestRuns = 8;
const mostRuns = 40;

/**
 * How many times as long twice the input takes, the lesser of two doublings: memory that comes in larger portions can make
 * one of them jump. Measuring ends as soon as the growth is small enough.
 */
async function growth(workOf: (factor: number) => Work): Promise<number> {
  const sizes = [1, 2, 4].map((factor) => ({ work: workOf(factor), shortest: Infinity }));
  const grown = () => {
    const [one = 0, two = 0, four = 0] = sizes.map(({ shortest }) => shortest);
    return Math.min(two / one, four / two);
  };
  // The first run is interpreted; later ones run compiled code.
  for (const { work } of sizes) await work();
  for (let run = 1; run <= mostRuns; run++) {
    for (const size of sizes) {
      const startedAt = performance.now();
      await size.work();
      size.shortest = Math.min(size.shortest, performance.now() - startedAt);
    }
    if (run >= fewestRuns && grown() < mostGrowth) break;
  }
  return grown();
}

/**
 * The lesser growth of two starting sizes, for inputs of any size: an input of half a megabyte outgrows the processor's
 * caches twice while it doubles, a larger one does not. Quadratic work is quadratic at both sizes.
 */
async function growthAtLast(workOf: (factor: number) => Work): Promise<number> {
  const grown = await growth(workOf);
  return grown < mostGrowth ? grown : Math.min(grown, await growth((factor) => workOf(8 * factor)));
}

/** Texts of some length, each hard for a reader of its kind. */
const bodies: Readonly<Record<string, (length: number) => string>> = {
  "padding that goes on": (n) =>
    `{"id":"x","data":"${"QUJD".repeat(n >> 2)}${"=".repeat(n >> 2)}A"}`,
  "base64 that is wrong at its end": (n) => `{"id":"x","data":"${"QUJD".repeat(n >> 2)}*"}`,
  "base64url at its end": (n) => `{"id":"x","data":"${"QUJD".repeat(n >> 2)}_"}`,
  "base64 in lines": (n) => `{"id":"x","data":"${"QUJD\\n".repeat(n / 6)}"}`,
  "nothing but white space as data": (n) => `{"id":"x","data":"${" ".repeat(n)}"}`,
  "base64 with escapes": (n) => `{"id":"x","data":"${"QUJ\\/".repeat(n / 5)}"}`,
  "quotes that are escaped": (n) => `{"id":"${'\\"'.repeat(n >> 1)}","data":"QQ=="}`,
  "an id that never ends": (n) => `{"id":"${"x".repeat(n)}`,
  "keys called data": (n) => `{${'"data"  '.repeat(n >> 3)}`,
  "white space after a key called data": (n) => `{"data"${" ".repeat(n)}`,
  "brackets": (n) => "[".repeat(n),
  "brackets beside id and data": (n) => `{"id":"x","data":"QQ==","x":${"[".repeat(n)}`,
  "brackets behind long data": (n) =>
    `{"id":"x","data":"${"QUJD".repeat(n >> 3)}","x":${"[".repeat(n >> 1)}`,
  "empty strings": (n) => '""'.repeat(n >> 1),
  "a number": (n) => `{"id":"x","data":"QQ==","x":${"1".repeat(n)}}`,
  "a key": (n) => `{"id":"x","data":"QQ==","${"k".repeat(n)}":1}`,
  "white space": (n) => " ".repeat(n),
  "line breaks and a byte order mark": (n) => `\ufeff${"\r\n".repeat(n >> 1)}{`,
};

/** Beyond a mebibyte a body is read in another way; one of four times the size is well beyond it. */
const bodyLength = 500_000;

for (const [name, make] of Object.entries(bodies)) {
  Deno.test(`parsePayloadRequest() takes linear time: ${name}`, async () => {
    const grown = await growthAtLast((factor) => {
      const bytes = new TextEncoder().encode(make(bodyLength * factor));
      // It may decode in place, so each run has a copy.
      return () => parsePayloadRequest(bytes.slice(), { fromLength: 0 });
    });
    assert.ok(grown < mostGrowth, `${grown.toFixed(1)} times`);
  });
}

/** Bytes that are not UTF-8, one for each character. */
const otherBytes: Readonly<Record<string, (length: number) => string>> = {
  "continuation bytes": (n) => `{"${"\x80".repeat(n)}`,
  "first bytes": (n) => `{"${"\xf0".repeat(n)}`,
  "an error behind ASCII": (n) => `{"id":"${"x".repeat(n)}\xfc`,
  "an error behind other characters": (n) => `{"id":"${"\xc3\xbc".repeat(n >> 1)}\xfc`,
  "a character that is cut off": (n) => `{"id":"${"\xf0\x9f\x98\x80".repeat(n >> 2)}\xf0\x9f`,
  "UTF-16": (n) => `{\0"\0${"x\0".repeat(n >> 1)}`,
};

for (const [name, make] of Object.entries(otherBytes)) {
  Deno.test(`parsePayloadRequest() refuses a body that is not UTF-8 in linear time: ${name}`, async () => {
    const grown = await growthAtLast((factor) => {
      const text = make(bodyLength * factor);
      const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      return () => parsePayloadRequest(bytes, { fromLength: 0 });
    });
    assert.ok(grown < mostGrowth, `${grown.toFixed(1)} times`);
  });
}

/** Long data is decoded by slices of 64 KiB: what is not linear within one shows only there. */
Deno.test("parsePayloadRequest() reads the last slice of long data in linear time", async () => {
  for (const unit of ["=", "Q", " ", "\u00e4", "*"]) {
    const grown = await growth((factor) => {
      const last = unit.repeat(16_000 * factor);
      const bytes = new TextEncoder().encode(
        `{"id":"x","data":"${"QUJD".repeat(2 ** 14)}${last}A"}`,
      );
      return () => parsePayloadRequest(bytes.slice(), { fromLength: 0 });
    });
    assert.ok(grown < mostGrowth, `${unit}: ${grown.toFixed(1)} times`);
  }
});

Deno.test("parsePayloadRequest() takes linear time for objects and arrays at the limit of structure", async () => {
  for (const unit of ['{"a":', "[[", '{"a":1,"a":']) {
    const grown = await growth((factor) => {
      const bytes = new TextEncoder().encode(`{"id":"x","x":${unit.repeat(4_000 * factor)}`);
      return () => parsePayloadRequest(bytes);
    });
    assert.ok(grown < mostGrowth, `${unit}: ${grown.toFixed(1)} times`);
  }
});

Deno.test("decodeBase64() and errorInBase64() take linear time", async () => {
  for (const unit of ["QUJD", "=", "\n", "QQ==", "A\r\n", "-"]) {
    const grown = await growth((factor) => {
      const text = unit.repeat(400_000 * factor / unit.length);
      return () => decodeBase64(text) ?? errorInBase64(text);
    });
    assert.ok(grown < mostGrowth, `${JSON.stringify(unit)}: ${grown.toFixed(1)} times`);
  }
});

/** Values that are hard for code that splits, trims or matches them. */
const values: readonly ((length: number) => string)[] = [
  (n) => "x".repeat(n),
  (n) => `x${" ".repeat(n)}x`,
  (n) => ",".repeat(n),
  (n) => "a,".repeat(n >> 1),
  (n) => `${"identity ,".repeat(n / 10)}x`,
  (n) => "a/b;q=0.1,".repeat(n / 10),
  (n) => ";q=".repeat(n / 3),
  (n) => `00-${"a".repeat(n)}-`,
  (n) => `00-${"a".repeat(32)}-${"b".repeat(16)}-01${"-x".repeat(n >> 1)}`,
  (n) => "a=b,".repeat(n >> 2),
  (n) => "1".repeat(n),
  (n) => "=-_".repeat(n / 3),
  (n) => "http://" + "\xe4".repeat(n),
  (n) => "\xe4.a-".repeat(n >> 2),
  (n) => "%c3%a4".repeat(n / 6),
  (n) => `a/b;${" ".repeat(n)}x`,
  (n) => ";charset=".repeat(n / 9),
  (n) => `a/b;charset=${"x".repeat(n)}`,
];

/** Every header that the program looks at. */
const headers = [
  "x-request-id",
  "x-jr-password",
  "traceparent",
  "tracestate",
  "accept",
  "content-encoding",
  "content-type",
  "content-length",
  "transfer-encoding",
  "host",
  "origin",
  "sec-fetch-site",
];

/** Not UTF-8, since the Content-Type is read only for such a body. */
const otherBody = Uint8Array.of(0x7b, 0xfc);

/** Four times as much is still a head that the runtime takes. */
const headerLength = 16_000;

for (const header of headers) {
  Deno.test(`POST /payload reads the header ${header} in linear time`, async () => {
    const { send } = setUp({ password: "p" });
    const other = header === "x-jr-password" ? {} : { "x-jr-password": "p" };
    for (const make of values) {
      const grown = await growth((factor) => {
        const headers = { ...other, [header]: make(headerLength * factor) };
        return async () => {
          for (let times = 0; times < 5; times++) {
            passingOn.begin(new Headers(headers), { route: "/payload", path: "/payload" });
            await send("/payload", { method: "POST", headers, body: otherBody });
          }
        };
      });
      assert.ok(grown < mostGrowth, `${make(30)}: ${grown.toFixed(1)} times`);
    }
  });
}

Deno.test("formatOf() reads the Accept header in linear time", async () => {
  const quotes = ['"', '"\\', '\\"', '";"', "a/", "a/b;q=1;", "*,"];
  const makers = quotes.map((unit) => (n: number) => `${unit.repeat(n / unit.length)}\\`);
  for (const make of [...values, ...makers]) {
    const grown = await growth((factor) => {
      const accept = make(headerLength * factor);
      return () => {
        for (let times = 0; times < 20; times++) formatOf(accept, "image/png");
      };
    });
    assert.ok(grown < mostGrowth, `${make(30)}: ${grown.toFixed(1)} times`);
  }
});

/** Values that are hard for readers of parameters and digests. */
const parameterValues: readonly ((length: number) => string)[] = [
  ...values,
  (n) => `attachment; filename="${"\\".repeat(n)}`,
  (n) => `attachment; filename="${'\\"'.repeat(n >> 1)}"`,
  (n) => `attachment; filename*=UTF-8''${"%c3%a4".repeat(n / 6)}`,
  (n) => `attachment; filename*=UTF-8''${"%".repeat(n)}`,
  (n) => "attachment; filename=x".repeat(n / 22),
  (n) => `attachment; filename="${"/".repeat(n)}"`,
  (n) => `sha-256=:${"A".repeat(n)}`,
  (n) => "a=:A:,".repeat(n / 6),
  (n) => `a=:A:${";a=1".repeat(n >> 2)}x`,
  (n) => `a=:A:${"; ".repeat(n >> 1)}`,
  (n) => `a=:A:;a="${'\\"'.repeat(n >> 1)}`,
  (n) => `${"1".repeat(n)}x`,
  (n) => `1.${"1".repeat(n)}x`,
];

const runHeaders = ["x-jr-id", "x-jr-timeout-sec", "content-disposition", "content-digest"];

for (const header of [...runHeaders, "content-type"]) {
  Deno.test(`readRunHead() reads the header ${header} in linear time`, async () => {
    for (const make of parameterValues) {
      const grown = await growth((factor) => {
        const headers = new Headers({ [header]: make(headerLength * factor) });
        const options = { requestId: "x", passHeaders: [header] };
        return () => {
          for (let times = 0; times < 5; times++) readRunHead({ url: "/run", headers }, options);
        };
      });
      assert.ok(grown < mostGrowth, `${make(30)}: ${grown.toFixed(1)} times`);
    }
  });
}

Deno.test("readRunHead() reads a query in linear time", async () => {
  const options = { requestId: "x", passHeaders: [] };
  const headers = new Headers();
  for (const unit of ["?", "&", "=", "id", "%", "%c3%a4", "+", "&a=b", "&id", "%69d=", "#"]) {
    const grown = await growth((factor) => {
      const url = `/run?id=${unit.repeat(2000 * factor / unit.length)}`;
      return () => {
        for (let times = 0; times < 30; times++) readRunHead({ url, headers }, options);
      };
    });
    assert.ok(grown < mostGrowth, `${unit}: ${grown.toFixed(1)} times`);
  }
});

/** Forms that are hard for a parser: what they begin with, and what follows again and again. */
const hardForms: readonly (readonly [beginning: string, unit: string])[] = [
  ["", "\r\n--aaaaaaaa"],
  ["", "a"],
  ["", "\r\n--aaaaaaaaab\r\n\r\n"],
  ["--aaaaaaaaab\r\n", "X: y\r\n"],
  ["--aaaaaaaaab\r\n", "\r\n\r"],
  ["--aaaaaaaaab\r\nContent-Disposition: form-data; name=a\r\n\r\n", "\r\n--aaaaaaaaa"],
  ["--aaaaaaaaab\r\nContent-Disposition: form-data; name=a\r\n\r\n", "\r"],
  ["--aaaaaaaaab--", "\r\n--aaaaaaaaab--"],
];

Deno.test("createFormParser() takes linear time, also for pieces of one byte", async () => {
  for (const pieceLength of [65_536, 1]) {
    for (const [beginning, unit] of hardForms) {
      const grown = await growth((factor) => {
        const length = (pieceLength === 1 ? 5_000 : 300_000) * factor;
        const form = new TextEncoder().encode(beginning + unit.repeat(length / unit.length));
        return async () => {
          const parser = await createFormParser("aaaaaaaaab");
          for (let at = 0; at < form.length; at += pieceLength) {
            if ("refusal" in parser.write(form.subarray(at, at + pieceLength))) break;
          }
        };
      });
      assert.ok(grown < mostGrowth, `${unit}, ${pieceLength}: ${grown.toFixed(1)} times`);
    }
  }
});

Deno.test("W3CTraceContextPropagator reads a trace's headers in linear time", async () => {
  const propagator = new W3CTraceContextPropagator();
  for (const name of ["traceparent", "tracestate"]) {
    for (const make of values) {
      const grown = await growth((factor) => {
        const carrier = {
          traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
          [name]: make(headerLength * factor),
        };
        return () => {
          for (let times = 0; times < 50; times++) {
            propagator.extract(ROOT_CONTEXT, carrier, {
              get: (from, key) => from[key as keyof typeof from],
              keys: (from) => Object.keys(from),
            });
          }
        };
      });
      assert.ok(grown < mostGrowth, `${name}: ${make(30)}: ${grown.toFixed(1)} times`);
    }
  }
});

Deno.test("createRoutes() reads a path in linear time", async () => {
  const { send } = setUp({ commands: { pdf: {} } });
  const units = ["/", "//a", "%2f", "/..", "/payload/", "?a=b&", "%", ";"];
  const paths = [...units.map((unit) => ["/", unit] as const), ["/payload/", "a"] as const];
  for (const [beginning, unit] of paths) {
    const grown = await growth((factor) => {
      const path = `${beginning}${unit.repeat(headerLength * factor / unit.length)}`;
      return async () => {
        for (let times = 0; times < 5; times++) await send(path, { method: "POST", body: "" });
      };
    });
    assert.ok(grown < mostGrowth, `${unit}: ${grown.toFixed(1)} times`);
  }
});

/**
 * Work of a known time, four times as long for twice the size. A real parser would show its growth only on an idle
 * machine: a small input that is interrupted in every run hides it.
 */
function quadratic(ms: number): (factor: number) => Work {
  return (factor) => () => {
    const endsAt = performance.now() + ms * factor ** 2;
    while (performance.now() < endsAt);
  };
}

Deno.test("growth() detects quadratic work", async () => {
  const grown = await growth(quadratic(1));
  assert.ok(grown >= mostGrowth, `${grown.toFixed(1)} times`);
});

Deno.test("growthAtLast() detects work that is quadratic at both of two sizes", async () => {
  const grown = await growthAtLast(quadratic(0.1));
  assert.ok(grown >= mostGrowth, `${grown.toFixed(1)} times`);
});
