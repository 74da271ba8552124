/**
 * Reads the result in an answer, whatever its format.
 *
 * @module
 */

import { parseResult } from "../wire/client.ts";
import { arrived } from "./deliver.ts";
import { eventsType, follow, type Followed } from "./follow.ts";
import { formType } from "./form_body.ts";
import { readFormResult } from "./form_result.ts";
import { brokeOff, notResult } from "./no_result.ts";
import type { Progress } from "./progress.ts";

/**
 * Reads an answer with status 200: a form, events, which are followed to their end, or JSON. `url` is for the sentences. Rejects
 * with a `SendFailure` if it breaks off, or if it is something else.
 */
export async function resultIn(
  response: Response,
  how: { readonly url: string; readonly wantsData: boolean; readonly progress: Progress },
): Promise<Followed> {
  const { headers, body } = response;
  const contentType = headers.get("content-type") ?? "";
  const [type = ""] = contentType.toLowerCase().split(";", 1);
  if (body && type.trim() === formType) {
    return { kind: "result", result: await readFormResult(contentType, body, how.url) };
  }
  if (body && type.trim() === eventsType) return await follow(body, how);
  const text = await response.text().catch(() => {
    throw brokeOff(how.url);
  });
  const result = parseResult(text);
  if (!result) throw notResult(how.url);
  return { kind: "result", result: arrived(result) };
}
