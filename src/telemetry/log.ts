/**
 * Writes one line per event to standard error, as text or JSON. Payloads, outputs and secrets are never logged.
 *
 * @module
 */

import { unicodeEscape, unsafeCharacters } from "../config/shown.ts";
import { type EventMessage, type Level, levelOf } from "./events.ts";
import { createLineWriter, type Sink } from "./line_writer.ts";

/**
 * Values that belong to an event. A name with a dot comes from OpenTelemetry's semantic conventions, apart from
 * `process.jobs`; one without is our own, in snake_case. `trace_id` and `span_id` link the event to a trace.
 */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where events are logged. A message is a row of the table of events; whatever varies is a field. */
export interface Log {
  /** Logs an event, with the level that the table gives it. */
  write(message: EventMessage, fields?: Fields): void;
  /** Resolves when all events so far are written, or after a second. */
  flush(): Promise<void>;
}

/** How events are written. */
export interface LogSettings {
  /** `json` has the field names of OpenTelemetry's logs data model. */
  readonly format: "text" | "json";
  /** The lowest level that is written. */
  readonly level: Level;
}

/** The log of this isolate. */
export interface OpenLog extends Log {
  /** Changes how events are written from now on. Lines of earlier events keep their form and come before. */
  configure(settings: LogSettings): void;
}

/** An event whose line has not been rendered yet. */
interface Event {
  readonly level: Level;
  readonly message: string;
  readonly fields: Fields;
  readonly timestamp: number;
}

/**
 * After lines have been rendered, the next ones wait this long and are then rendered and written together. Rendering a single
 * line between two jobs costs several times as much, because its code has left the processor's cache, and a call of the
 * system costs more than the line.
 */
const restMs = 20;

/** How long the last lines may take to be written before the program exits. */
const flushMs = 1000;

/**
 * Sets up logging for this isolate and returns its log. Lines are written to `sink`, by default standard error. Logging never
 * blocks: if the sink is read slowly or not at all, lines are lost, but the service is not affected.
 */
export function openLog(settings: LogSettings, sink: Sink = Deno.stderr): OpenLog {
  let { format, level: lowest } = settings;
  const render = (event: Event) => oneLine(format === "json" ? json(event) : text(event));
  const lostLines: EventMessage = "log lines were lost";
  // The writer itself inserts this line where it had to drop others.
  const lost = (count: number) =>
    render({
      level: levelOf(lostLines),
      message: lostLines,
      fields: { count },
      timestamp: Date.now(),
    });
  const writer = createLineWriter(sink, lost);
  const waiting: Event[] = [];
  let resting: ReturnType<typeof setTimeout> | undefined;

  function emit(): void {
    writer.write(waiting.splice(0).map(render));
  }

  /** Renders what has come meanwhile, until nothing has. */
  function rest(): void {
    resting = setTimeout(() => {
      resting = undefined;
      if (waiting.length === 0) return;
      emit();
      rest();
    }, restMs);
  }

  return {
    write(message, fields = {}) {
      const level = levelOf(message);
      if (isBelow(level, lowest)) return;
      waiting.push({ level, message, fields, timestamp: Date.now() });
      // A warning or an error does not wait: the process may be about to exit.
      if (resting !== undefined && isBelow(level, "warning")) return;
      emit();
      if (resting === undefined) rest();
    },
    configure(changed) {
      emit();
      ({ format, level: lowest } = changed);
    },
    async flush() {
      clearTimeout(resting);
      resting = undefined;
      emit();
      await writer.flush(flushMs);
    },
  };
}

/** An error as the value of a field: its message, without the stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An unexpected error as the value of a field: its stack, which begins with its message. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? String(error) : String(error);
}

/** Severity texts and numbers of OpenTelemetry's logs data model. */
const severities: Readonly<Record<Level, readonly [string, number]>> = {
  debug: ["DEBUG", 5],
  info: ["INFO", 9],
  warning: ["WARN", 13],
  error: ["ERROR", 17],
};

/** A level as lines name it. */
export function severityText(level: Level): string {
  return severities[level][0];
}

function isBelow(level: Level, other: Level): boolean {
  return severities[level][1] < severities[other][1];
}

/**
 * Renders an event with the field names of OpenTelemetry's logs data model; `trace_id` and `span_id` are top-level fields
 * (“Trace Context in non-OTLP Log Formats”).
 */
function json({ timestamp, level, message, fields }: Event): string {
  const [severity_text, severity_number] = severities[level];
  const { trace_id, span_id } = fields;
  const attributes: Record<string, unknown> = {};
  for (const name in fields) {
    if (fields[name] === undefined || name === "trace_id" || name === "span_id") continue;
    attributes[attributeOf(name)] = fields[name];
  }
  return JSON.stringify({
    timestamp: new Date(timestamp).toISOString(),
    severity_text,
    severity_number,
    body: message,
    trace_id,
    span_id,
    attributes,
  });
}

const attributeNames = new Map<string, string>();

/** The attribute's name, cached: field names are few and the same for every line. */
function attributeOf(name: string): string {
  const known = attributeNames.get(name);
  if (known !== undefined) return known;
  const attribute = name.includes(".") ? name : `jobrunner.${name}`;
  attributeNames.set(name, attribute);
  return attribute;
}

function text({ timestamp, level, message, fields }: Event): string {
  let line = `${new Date(timestamp).toISOString()} ${severityText(level)} ${message}`;
  for (const name in fields) {
    if (fields[name] !== undefined) line += ` ${name}=${quoted(fields[name])}`;
  }
  return line;
}

/** A plain word as it is, any other value as a JSON string. */
function quoted(value: unknown): string {
  const plain = String(value);
  return /^[\w.:/@+-]+$/.test(plain) ? plain : JSON.stringify(plain);
}

/**
 * Ends a line and shows its true characters, whatever a client put into an id: control characters, line and paragraph
 * separators and bidirectional controls are written as `\uXXXX` (CWE-117).
 */
function oneLine(line: string): string {
  const isPlain = !/[^ -~]/.test(line);
  return `${isPlain ? line : line.replace(unsafeCharacters, unicodeEscape)}\n`;
}
