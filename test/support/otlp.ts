/**
 * A receiver of OTLP over HTTP, for spans as JSON.
 *
 * @module
 */

/** A span as it came, its attributes by name. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly traceState?: string;
  /** W3C trace flags in the lowest byte; 0x200 is set when its parent is in another process. */
  readonly flags: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Attributes of its resource. */
  readonly resource: Readonly<Record<string, unknown>>;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
}

/** A receiver that listens until it is disposed of. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly spans: readonly ReceivedSpan[];
  /** All requests that came, for their headers. */
  readonly requests: readonly Request[];
}

type Attributes = readonly { readonly key: string; readonly value: Record<string, unknown> }[];

function byName(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const [inner] = Object.values(value);
    return [key, "intValue" in value ? Number(inner) : inner];
  }));
}

/** Starts a receiver, with TLS if there is a certificate. */
export function startReceiver(tls?: { readonly cert: string; readonly key: string }): Receiver {
  const spans: ReceivedSpan[] = [];
  const requests: Request[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...(tls ?? {}) },
    async (request) => {
      requests.push(request);
      const bytes = await request.arrayBuffer();
      if (request.headers.get("content-type") === "application/json") {
        const body = JSON.parse(new TextDecoder().decode(bytes));
        for (const { resource, scopeSpans } of body.resourceSpans) {
          for (const span of scopeSpans.flatMap(({ spans }: { spans: unknown[] }) => spans)) {
            spans.push({
              ...span,
              attributes: byName(span.attributes),
              resource: byName(resource.attributes),
            });
          }
        }
      }
      return new Response("{}", { headers: { "content-type": "application/json" } });
    },
  );
  const { port } = server.addr;
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    spans,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
