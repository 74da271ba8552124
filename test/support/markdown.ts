/**
 * What a test needs to know of a page in Markdown.
 *
 * @module
 */

/** The targets of its links, in order. Text in code is not a link. */
export function linksOf(text: string): readonly string[] {
  const prose = text.replace(/^```.*?^```$/gms, "").replace(/`[^`\n]*`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** The fragments of its headings, as GitHub makes them. Two headings of the same words are not told apart. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const prose = text.replace(/^```.*?^```$/gms, "");
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading.trim().toLowerCase().replace(/\[(.*?)\]\(.*?\)/g, "$1")
        .replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")
    ),
  );
}
