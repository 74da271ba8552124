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
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { MetricRow } from "./catalogue.ts";
import {
  createHistogram,
  type Histogram,
  type Labels,
  type ReadableHistogram,
} from "./histogram.ts";

/** Reports a current value. */
export type Observe = (value: number, labels?: Labels) => void;

/** Creates instruments and renders their values. */
export interface Exposition {
  /** Creates a counter or gauge whose values are read at each scrape. */
  observe(row: MetricRow, read: (observe: Observe) => void): void;
  /** Creates a histogram without any series. */
  histogram(row: MetricRow): Histogram;
  /** All current values, in Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** An instrument: a histogram, or the name of one that OpenTelemetry reads. */
type Instrument = string | ReadableHistogram;

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
  const instruments: Instrument[] = [];
  return {
    observe({ name, type, help }, read) {
      const options = { description: help };
      const instrument = type === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
      instrument.addCallback((result) => read((value, labels) => result.observe(value, labels)));
      instruments.push(name);
    },
    histogram(row) {
      const histogram = createHistogram(row);
      instruments.push(histogram);
      return histogram;
    },
    async text() {
      await prepare();
      const { resourceMetrics, errors } = await exporter.collect();
      if (errors.length > 0) throw new AggregateError(errors, "collecting metrics failed");
      return serializer.serialize(withHistograms(resourceMetrics, instruments));
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
 * All metrics with a value in the order of their instruments, then the histograms without one. In OpenTelemetry a series begins
 * with its first value. Prometheus needs it from the start, with 0, or the first value does not count as an increase
 * (Prometheus, "Avoid missing metrics").
 */
function withHistograms(
  collected: ResourceMetrics,
  instruments: readonly Instrument[],
): ResourceMetrics {
  const scope = collected.scopeMetrics[0]?.scope ?? { name: "jobrunner" };
  const observed = new Map(
    collected.scopeMetrics[0]?.metrics.map((metric) => [metric.descriptor.name, metric]),
  );
  const metrics: MetricData[] = [];
  const unused: MetricData[] = [];
  for (const instrument of instruments) {
    if (typeof instrument !== "string") {
      (instrument.used() ? metrics : unused).push(metricDataOf(instrument));
      continue;
    }
    const metric = observed.get(instrument);
    if (metric) metrics.push(metric);
  }
  return { ...collected, scopeMetrics: [{ scope, metrics: [...metrics, ...unused] }] };
}

function metricDataOf({ row, series }: ReadableHistogram): HistogramMetricData {
  const { name, help, buckets = [] } = row;
  return {
    descriptor: { name, description: help, unit: "", valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: series().map(({ labels, counts, sum, count }) => ({
      startTime: [0, 0],
      endTime: [0, 0],
      attributes: labels,
      value: { buckets: { boundaries: [...buckets], counts: [...counts] }, sum, count },
    })),
  };
}
