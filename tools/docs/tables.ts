/**
 * The tables of the documentation whose rows are facts of the program, each made from the table in the code.
 *
 * @module
 */

import { commandKeys, commandOnlyKeys, poolKeys } from "../../src/config/file/command_keys.ts";
import { wantedOf } from "../../src/config/kinds.ts";
import type { Key } from "../../src/config/file/section.ts";
import { flagOf, type Setting } from "../../src/config/setting.ts";
import { settings } from "../../src/config/settings.ts";
import { type ErrorRow, errors } from "../../src/http/answer/errors.ts";
import { outcomes } from "../../src/jobs/job.ts";
import { warmEnds, warmStarts } from "../../src/jobs/warm.ts";
import { catalogue, type MetricRow, rejections } from "../../src/telemetry/catalogue.ts";
import { type EventRow, events } from "../../src/telemetry/events.ts";
import { severityText } from "../../src/telemetry/log.ts";

/** One table of one page. */
export interface Table {
  /** Path of the page, from the root of the project. */
  readonly page: string;
  /** Its name in the marks around it; unique in the page. */
  readonly name: string;
  /** What stands above its columns. */
  readonly headings: readonly string[];
  /** Its cells, in Markdown. */
  readonly rows: readonly (readonly string[])[];
}

/** All of them. */
export const tables: readonly Table[] = [
  {
    page: "docs/reference/settings.md",
    name: "settings",
    headings: ["variable", "flag", "default", "meaning"],
    rows: settings.map((setting: Setting) => {
      const flag = flagOf(setting);
      return [
        code(setting.name),
        flag ? code(`--${flag}`) : "–",
        setting.default === "" ? "–" : setting.default,
        setting.meaning,
      ];
    }),
  },
  {
    page: "docs/reference/settings.md",
    name: "keys of a command",
    headings: ["key", "value", "default", "meaning"],
    rows: commandKeys.map(keyRow),
  },
  {
    page: "docs/reference/settings.md",
    name: "keys of a pool",
    headings: ["key", "value", "default", "meaning"],
    rows: poolKeys.map(keyRow),
  },
  {
    page: "docs/reference/http.md",
    name: "errors",
    headings: ["status", "code", "when", "what to do"],
    rows: Object.entries<ErrorRow>(errors).map(([name, { status, when, advice }]) => [
      String(status),
      code(name),
      when,
      advice,
    ]),
  },
  {
    page: "docs/reference/http.md",
    name: "outcomes",
    headings: ["outcome", "meaning"],
    rows: meanings(outcomes),
  },
  {
    page: "docs/reference/http.md",
    name: "rejection reasons",
    headings: ["reason", "meaning"],
    rows: meanings(rejections),
  },
  {
    page: "docs/reference/metrics.md",
    name: "metrics",
    headings: ["name", "type", "unit", "labels", "meaning", "example query"],
    rows: Object.values<MetricRow>(catalogue).map((row) => [
      code(row.name),
      row.type,
      row.unit,
      labelsOf(row),
      row.help,
      code(row.example),
    ]),
  },
  {
    page: "docs/reference/metrics.md",
    name: "warm starts",
    headings: ["why", "meaning"],
    rows: meanings(warmStarts),
  },
  {
    page: "docs/reference/metrics.md",
    name: "warm ends",
    headings: ["why", "meaning"],
    rows: meanings(warmEnds),
  },
  {
    page: "docs/reference/logs.md",
    name: "events",
    headings: ["event", "level", "fields"],
    rows: Object.entries<EventRow>(events).map(([name, { level, fields }]) => [
      code(name),
      severityText(level),
      fields,
    ]),
  },
];

function labelsOf({ labels, named }: MetricRow): string {
  const sets = Object.entries(labels).map(([name, values]) =>
    `${code(name)}: ${values.join(", ")}`
  );
  return (named ? [...sets, `with a configuration file: ${named.map(code).join(", ")}`] : sets)
    .join("; ");
}

/** A key of a table in the configuration file. What is also a setting is explained there. */
function keyRow(key: Key): string[] {
  const { name, row } = key;
  const isOwn = commandOnlyKeys.includes(key);
  const fallback = row.name === "JOBRUNNER_CMD" ? "required" : code(row.name);
  return [
    code(name),
    wantedOf(row.kind),
    isOwn ? row.default || "–" : fallback,
    isOwn ? row.meaning : `as ${code(row.name)}, for this table alone`,
  ];
}

function meanings(words: Readonly<Record<string, string>>): string[][] {
  return Object.entries(words).map(([word, meaning]) => [code(word), meaning]);
}

function code(text: string): string {
  return `\`${text}\``;
}
