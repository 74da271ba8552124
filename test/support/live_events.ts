/**
 * Reads live answers as their clients do.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LiveFormat } from "../../src/wire/events.ts";

/** An event, as a client gets it. */
export type ReceivedEvent = Readonly<Record<string, unknown>> & {
  readonly event: string;
  readonly seq: number;
};

/** The events of a whole answer. Fails if one is not a line of its own, or if their numbers have a gap. */
export function eventsIn(text: string, format: LiveFormat): ReceivedEvent[] {
  const events = format === "sse" ? serverSentEvents(text) : lines(text);
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index));
  return events;
}

/** What some clients take for the end of a line, besides a line feed. */
const otherLineEnds = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029";

function lines(text: string): ReceivedEvent[] {
  assert.ok(text === "" || text.endsWith("\n"));
  for (const end of otherLineEnds) assert.ok(!text.includes(end));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** A parser of its own, after WHATWG HTML, section 9.2.6. */
function serverSentEvents(text: string): ReceivedEvent[] {
  assert.ok(text.startsWith("retry: 2000\n\n") && text.endsWith("\n\n"));
  const events: ReceivedEvent[] = [];
  let [id, event, data] = ["", "", ""];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (data !== "") {
        const keys = JSON.parse(data.slice(0, -1));
        assert.equal(String(keys.seq), id);
        events.push({ event, ...keys });
      }
      [event, data] = ["", ""];
      continue;
    }
    const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "id") id = value;
    else if (field === "event") event = value;
    else if (field === "data") data += `${value}\n`;
    else assert.ok(field === "" || field === "retry", line);
  }
  return events;
}
