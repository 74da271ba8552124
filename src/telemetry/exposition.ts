/**
 * The Prometheus text of a meter provider of our own. Deno's global provider is not used.
 *
 * @module
 */

import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  InstrumentType,
  MeterProvider,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { MetricRow } from "./catalogue.ts";

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** Reports a current value. */
export type Observe = (value: number, labels?: Labels) => void;

/** A histogram. */
export interface Histogram {
  /** Adds one value. */
  record(value: number, labels?: Labels): void;
  /** Makes the series of these labels exist from now on, even while it has no value. */
  declare(labels: Labels): void;
}

/** Creates instruments and renders their values. */
export interface Exposition {
  /** Creates a counter or gauge whose values are read at each scrape. */
  observe(row: MetricRow, read: (observe: Observe) => void): void;
  /** Creates a histogram, which has no series yet. */
  histogram(row: MetricRow): Histogram;
  /** All current values, in Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** A histogram and the label sets that exist without a value. */
interface Declared {
  readonly row: MetricRow;
  readonly series: readonly Labels[];
}

/** Opens a provider whose values are read only by `text`, each time after `prepare`. */
export function createExposition(prepare: () => Promise<void>): Exposition {
  const exporter = Object.assign(new PrometheusExporter({ preventServerStart: true }), reading);
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
    histogram(row) {
      const series: Labels[] = [];
      declared.push({ row, series });
      const instrument = meter.createHistogram(row.name, {
        description: row.help,
        advice: { explicitBucketBoundaries: [...row.buckets ?? []] },
      });
      return {
        record: (value, labels) => instrument.record(value, labels),
        declare: (labels) => void series.push(labels),
      };
    },
    async text() {
      await prepare();
      const { resourceMetrics, errors } = await exporter.collect();
      if (errors.length > 0) throw new AggregateError(errors, "collecting metrics failed");
      return serializer.serialize(withEmptySeries(resourceMetrics, declared));
    },
  };
}

/** How our provider differs from others that use the exporter. */
const reading = {
  /** All label sets are closed. The usual limit, 2000 series of a metric, would merge the workers of a large server. */
  selectCardinalityLimit: () => Infinity,
  /** A cumulative gauge would keep the last value of a series that is no longer reported, such as one of a removed pool. */
  selectAggregationTemporality: (type: InstrumentType) =>
    type === InstrumentType.OBSERVABLE_GAUGE
      ? AggregationTemporality.DELTA
      : AggregationTemporality.CUMULATIVE,
};

/**
 * In OpenTelemetry a series begins with its first value. Prometheus needs it from the start, with 0, or the first value does
 * not count as an increase (Prometheus, "Avoid missing metrics").
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
