/**
 * The Prometheus text of our own meter provider. Deno's global provider is not touched.
 *
 * @module
 */

import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  MeterProvider,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { MetricRow } from "./catalogue.ts";

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** Tells a value of now. */
export type Observe = (value: number, labels?: Labels) => void;

/** Instruments and the page on which their values appear. */
export interface Exposition {
  /** A counter or gauge whose values are asked for at each scrape. */
  observe(row: MetricRow, read: (observe: Observe) => void): void;
  /** A distribution. `series` are the label sets that exist from the start, with nothing in them. */
  histogram(row: MetricRow, series?: readonly Labels[]): {
    /** Adds one value. */
    record(value: number, labels?: Labels): void;
  };
  /** Every value as it is now, in Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** A histogram and what it has from the start. */
interface Declared {
  readonly row: MetricRow;
  readonly series: readonly Labels[];
}

/** Opens a provider whose values are only ever read by `text`, each time after `prepare`. */
export function createExposition(prepare: () => Promise<void>): Exposition {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [exporter] }).getMeter("jobrunner");
  const withoutTargetInfo = true;
  const withoutScopeInfo = true;
  const serializer = new PrometheusSerializer(
    undefined,
    false,
    undefined,
    withoutTargetInfo,
    withoutScopeInfo,
  );
  const declared: Declared[] = [];
  return {
    observe({ name, type, help }, read) {
      const options = { description: help };
      const instrument = type === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
      instrument.addCallback((result) => read((value, labels) => result.observe(value, labels)));
    },
    histogram(row, series = [{}]) {
      declared.push({ row, series });
      return meter.createHistogram(row.name, {
        description: row.help,
        advice: { explicitBucketBoundaries: [...row.buckets ?? []] },
      });
    },
    async text() {
      await prepare();
      const { resourceMetrics, errors } = await exporter.collect();
      if (errors.length > 0) throw new AggregateError(errors, "collecting metrics failed");
      return serializer.serialize(withEmptySeries(resourceMetrics, declared));
    },
  };
}

/**
 * OpenTelemetry knows a series from its first value on; Prometheus wants it from the start, with 0, or its first value
 * is no increase (Prometheus, "Avoid missing metrics").
 */
function withEmptySeries(
  collected: ResourceMetrics,
  declared: readonly Declared[],
): ResourceMetrics {
  const scope = collected.scopeMetrics[0]?.scope ?? { name: "jobrunner" };
  const metrics = [...collected.scopeMetrics[0]?.metrics ?? []];
  for (const { row, series } of declared) {
    const at = metrics.findIndex(({ descriptor }) => descriptor.name === row.name);
    const found = metrics[at] as HistogramMetricData | undefined;
    const known = new Set(found?.dataPoints.map(({ attributes }) => JSON.stringify(attributes)));
    const missing = series.filter((labels) => !known.has(JSON.stringify(labels)));
    if (missing.length === 0) continue;
    const complete: HistogramMetricData = {
      descriptor: found?.descriptor ??
        { name: row.name, description: row.help, unit: "", valueType: 1 },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [...found?.dataPoints ?? [], ...missing.map((labels) => empty(row, labels))],
    };
    if (found) metrics[at] = complete;
    else metrics.push(complete);
  }
  return { ...collected, scopeMetrics: [{ scope, metrics }] };
}

function empty(
  { buckets = [] }: MetricRow,
  attributes: Labels,
): HistogramMetricData["dataPoints"][number] {
  const counts = Array<number>(buckets.length + 1).fill(0);
  return {
    startTime: [0, 0],
    endTime: [0, 0],
    attributes,
    value: { buckets: { boundaries: [...buckets], counts }, sum: 0, count: 0 },
  };
}
