/**
 * A text of data as it may stand in a sentence for people: nothing in it moves a cursor, changes a colour, turns the
 * direction of writing, breaks a line or hides. What did is shown as `�`.
 */
export function neutral(text: string): string {
  return text.replaceAll(UNSEEN, '\uFFFD');
}

/** Controls, half characters, and the marks of U+200E to U+2069 that turn or hide what stands around them. */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/gu;
