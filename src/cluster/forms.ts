/**
 * Forms of data that comes from another machine.
 *
 * @module
 */

/**
 * Returns a copy of a value that has the form, without anything that the form does not have; undefined for every other value. It
 * does not throw for data that was JSON.
 */
export type Form<T> = (value: unknown) => T | undefined;

/** The type of the values that have a form. */
export type Formed<F> = F extends Form<infer T> ? Exclude<T, undefined> : never;

/** The forms of the members of a record. */
export type Members = Readonly<Record<string, Form<unknown>>>;

/** A record with these members. */
export type RecordOf<Required extends Members, Optional extends Members> =
  & { readonly [Key in keyof Required]: Formed<Required[Key]> }
  & { readonly [Key in keyof Optional]?: Formed<Optional[Key]> };

/** A record that has the required members, and may have the optional ones. */
export function record<Required extends Members, Optional extends Members = Record<never, never>>(
  required: Required,
  optional?: Optional,
): Form<RecordOf<Required, Optional>> {
  const needed = Object.entries(required);
  const others = Object.entries(optional ?? {});
  return (value) => {
    if (!isRecord(value)) return undefined;
    const present = others.filter(([key]) => value[key] !== undefined);
    const copy: Record<string, unknown> = {};
    for (const [key, form] of [...needed, ...present]) {
      const member = form(value[key]);
      if (member === undefined) return undefined;
      copy[key] = member;
    }
    return copy as RecordOf<Required, Optional>;
  };
}

/** A record with at most `max` members whose names are not known before. */
export function mapOf<T>(
  name: Form<string>,
  member: Form<T>,
  max: number,
): Form<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isRecord(value)) return undefined;
    const entries = Object.entries(value);
    if (entries.length > max) return undefined;
    const copies: [string, T][] = [];
    for (const [key, each] of entries) {
      const copy = member(each);
      if (name(key) === undefined || copy === undefined) return undefined;
      copies.push([key, copy]);
    }
    return Object.fromEntries(copies);
  };
}

/** An array of at most `max` values. */
export function listOf<T>(element: Form<T>, max: number): Form<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length > max) return undefined;
    const copies: T[] = [];
    for (const each of value) {
      const copy = element(each);
      if (copy === undefined) return undefined;
      copies.push(copy);
    }
    return copies;
  };
}

/** A value that has one of these forms; the first one counts. */
export function oneOf<T>(...forms: readonly Form<T>[]): Form<T> {
  return (value) => {
    for (const form of forms) {
      const copy = form(value);
      if (copy !== undefined) return copy;
    }
    return undefined;
  };
}

/** One of these values. */
export function choice<const Values extends readonly (string | number | boolean)[]>(
  ...values: Values
): Form<Values[number]> {
  return (value) => values.find((each) => each === value);
}

/** A text of at most `max` UTF-16 code units without a NUL character, which no variable of a process can contain. */
export function text(max: number): Form<string> {
  return (value) =>
    typeof value === "string" && value.length <= max && !value.includes("\0") ? value : undefined;
}

/** A text that matches a regular expression, which has no flag `g`. */
export function textLike(pattern: RegExp): Form<string> {
  return (value) => typeof value === "string" && pattern.test(value) ? value : undefined;
}

/** A finite number in a range. */
export function numberIn(min: number, max: number = Number.MAX_VALUE): Form<number> {
  return (value) => typeof value === "number" && value >= min && value <= max ? value : undefined;
}

/** A whole number in a range; the largest one is `Number.MAX_SAFE_INTEGER` if there is no other. */
export function wholeIn(min: number, max: number = Number.MAX_SAFE_INTEGER): Form<number> {
  const inRange = numberIn(min, max);
  return (value) => Number.isInteger(value) ? inRange(value) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
