/**
 * Writes one line per event to standard error, as text or JSON. Payloads, outputs and secrets are never logged.
 *
 * @module
 */

import {
  configureSync,
  getLogger,
  getTextFormatter,
  type LogLevel,
  type LogRecord,
} from "@logtape/logtape";
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
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields | undefined;
  readonly timestamp: number;
}

/**
 * After a line has been rendered, the next ones wait this long and are then rendered together. Rendering a single line
 * between two jobs costs several times as much, because its code has left the processor's cache.
 */
const restMs = 20;

/** Levels whose lines are not batched: the process may be about to exit. */
const unbatchedLevels: ReadonlySet<LogLevel> = new Set(["warning", "error"]);

/** How long the last lines may take to be written before the program exits. */
const flushMs = 1000;

/**
 * Sets up logging for this isolate and returns its log. Lines are written to `sink`, by default standard error. Logging never
 * blocks: if the sink is read slowly or not at all, lines are lost, but the service is not affected.
 */
export function openLog(settings: LogSettings, sink: Sink = Deno.stderr): OpenLog {
  let render = text;
  const lostLines: EventMessage = "log lines were lost";
  // Rendered here, because the writer itself inserts this line where it had to drop others.
  const lost = (count: number) =>
    oneLine(render({
      category: ["jobrunner"],
      level: levelOf(lostLines),
      message: [lostLines],
      rawMessage: "",
      timestamp: Date.now(),
      properties: { count },
    }));
  const writer = createLineWriter(sink, lost);
  function configure({ format, level }: LogSettings): void {
    render = format === "json" ? json : text;
    configureSync({
      reset: true,
      sinks: { out: (record) => writer.write(oneLine(render(record))) },
      loggers: [
        { category: "jobrunner", sinks: ["out"], lowestLevel: level },
        { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
      ],
    });
  }
  configure(settings);
  const logger = getLogger("jobrunner");
  const waiting: Event[] = [];
  let resting: ReturnType<typeof setTimeout> | undefined;

  function emit(): void {
    for (const { level, message, fields, timestamp } of waiting.splice(0)) {
      logger.emit({
        level,
        message: [message],
        rawMessage: message,
        timestamp,
        properties: fields ?? {},
      });
    }
  }

  return {
    write(message, fields) {
      const level = levelOf(message);
      if (!logger.isEnabledFor(level)) return;
      waiting.push({ level, message, fields, timestamp: Date.now() });
      if (resting !== undefined && !unbatchedLevels.has(level)) return;
      emit();
      resting ??= setTimeout(() => {
        resting = undefined;
        emit();
      }, restMs);
    },
    configure(changed) {
      emit();
      configure(changed);
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
const severities: Readonly<Record<LogLevel, readonly [string, number]>> = {
  trace: ["TRACE", 1],
  debug: ["DEBUG", 5],
  info: ["INFO", 9],
  warning: ["WARN", 13],
  error: ["ERROR", 17],
  fatal: ["FATAL", 21],
};

/** A level as lines name it. */
export function severityText(level: Level): string {
  return severities[level][0];
}

/**
 * Renders a record with the field names of OpenTelemetry's logs data model; `trace_id` and `span_id` are top-level fields
 * (“Trace Context in non-OTLP Log Formats”).
 */
function json({ timestamp, level, message, properties }: LogRecord): string {
  const [severity_text, severity_number] = severities[level];
  const { trace_id, span_id } = properties;
  const attributes: Record<string, unknown> = {};
  for (const name in properties) {
    if (name !== "trace_id" && name !== "span_id") attributes[attributeOf(name)] = properties[name];
  }
  return JSON.stringify({
    timestamp: new Date(timestamp).toISOString(),
    severity_text,
    severity_number,
    body: message.join(""),
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

const text = getTextFormatter({
  timestamp: "rfc3339",
  level: (level) => severities[level][0],
  format: ({ timestamp, level, message, record }) =>
    `${timestamp} ${level} ${message}${fieldsOf(record)}`,
});

function fieldsOf(record: LogRecord): string {
  return Object.entries(record.properties).filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${quoted(value)}`).join("");
}

/** A plain word as it is, any other value as a JSON string. */
function quoted(value: unknown): string {
  const plain = String(value);
  return /^[\w.:/@+-]+$/.test(plain) ? plain : JSON.stringify(plain);
}

/**
 * Keeps a record on one line and shows its true characters, whatever a client put into an id: control characters, line and
 * paragraph separators and bidirectional controls are written as `\uXXXX` (CWE-117).
 */
function oneLine(line: string): string {
  const trimmed = line.trimEnd();
  if (/^[ -~]*$/.test(trimmed)) return `${trimmed}\n`;
  return `${trimmed.replace(unsafeCharacters, unicodeEscape)}\n`;
}
