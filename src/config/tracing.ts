/**
 * The standard `OTEL_*` variables that decide whether, where and how spans are exported
 * (OpenTelemetry, "Environment Variable Specification").
 *
 * @module
 */

import type { TracingConfig } from "./config.ts";
import { oneLine, shownUrl } from "./shown.ts";

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
];

/** Values for variables that are not set. */
const defaults = {
  endpoint: "http://localhost:4318",
  protocol: "http/protobuf",
  sampler: "parentbased_always_on",
  ratio: "1",
  delayMs: "5000",
};

/** Reads the variables; undefined unless they name an endpoint or the exporter `otlp`. Adds an error to `errors` for each wrong value. */
export function readTracing(
  env: Readonly<Record<string, string>>,
  errors: string[],
): TracingConfig | undefined {
  // An empty value counts as unset.
  const text = (name: string) => env[name]?.trim() || undefined;
  const given = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].find(text);
  const exporter = text("OTEL_TRACES_EXPORTER");
  if (text("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || exporter === "none") return undefined;
  if (exporter === undefined && !given) return undefined;
  const wrong = (name: string, wanted: string, shown = oneLine(env[name] ?? "")) => {
    errors.push(`${name}=${shown}: must be ${wanted}`);
  };
  if (exporter !== undefined && exporter !== "otlp") wrong("OTEL_TRACES_EXPORTER", "otlp or none");

  const protocolName = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]
    .find(text) ?? "OTEL_EXPORTER_OTLP_PROTOCOL";
  const protocol = text(protocolName) ?? defaults.protocol;
  if (protocol !== "http/protobuf" && protocol !== "http/json") {
    wrong(protocolName, "http/protobuf or http/json");
  }
  const sampler = text("OTEL_TRACES_SAMPLER") ?? defaults.sampler;
  if (!samplers.includes(sampler)) wrong("OTEL_TRACES_SAMPLER", samplers.join(" or "));
  const ratio = Number(text("OTEL_TRACES_SAMPLER_ARG") ?? defaults.ratio);
  if (sampler.endsWith("traceidratio") && !(ratio >= 0 && ratio <= 1)) {
    wrong("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1");
  }
  const delay = Number(text("OTEL_BSP_SCHEDULE_DELAY") ?? defaults.delayMs);
  if (!(delay >= 0 && delay < 2 ** 31)) {
    wrong("OTEL_BSP_SCHEDULE_DELAY", "a number of milliseconds from 0 to 2147483647");
  }
  for (const name of ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]) {
    // The exporter would fail with each batch and quote the supposed name in its message.
    if (!(text(name) ?? "").split(",").every(isHeader)) {
      wrong(name, "name=value pairs of HTTP headers, percent-encoded, separated by commas", "***");
    }
  }
  const endpointText = env[given ?? ""] ?? defaults.endpoint;
  const endpoint = URL.parse(endpointText);
  // The exporter appends a path to the general endpoint without trimming spaces.
  const isWhole = given !== "OTEL_EXPORTER_OTLP_ENDPOINT" || URL.canParse(`${endpointText}/`);
  if (!endpoint || !isWhole || !/^https?:$/.test(endpoint.protocol)) {
    // An endpoint may contain a password.
    wrong(given ?? "", "an http or https URL", shownUrl(endpointText));
    return undefined;
  }
  const port = endpoint.port || (endpoint.protocol === "https:" ? "443" : "80");
  return {
    receiver: `${endpoint.hostname}:${port}`,
    tls: endpoint.protocol === "https:",
    protocol: protocol === "http/json" ? "http/json" : "http/protobuf",
    sampler: { name: sampler, ratio },
    scheduleDelayMs: delay,
  };
}

/**
 * Whether an entry is empty, or `name=value` with characters that HTTP allows (RFC 9110, sections 5.1 and 5.5). Text after a `;`
 * is ignored.
 */
function isHeader(entry: string): boolean {
  const [pair = ""] = entry.split(";", 1);
  if (pair.trim() === "") return true;
  const equals = pair.indexOf("=");
  if (equals < 0) return false;
  try {
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
      .map((text) => decodeURIComponent(text.trim()));
    return /^[\w!#$%&'*+.^`|~-]+$/.test(name ?? "") && /^[\t -~\x80-\xff]*$/.test(value ?? "");
  } catch {
    return false;
  }
}
