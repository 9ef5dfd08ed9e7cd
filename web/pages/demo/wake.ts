/** What came of many heartbeats at once, in words. */

import { short } from "./dom.js";
import type { WakeAnswer } from "./server.js";

/** `64 answers, one successor: …5e09; 4 were told to try again`. What is no answer names no successor. */
export function wakeWords(answers: WakeAnswer[]): string {
  const ids = answers.map((answer) => (answer && "sessionId" in answer ? answer.sessionId : undefined));
  const successors = new Set(ids.filter((id) => id !== undefined));
  const codeOf = (answer: WakeAnswer) => (answer && "code" in answer ? answer.code : undefined);
  const busy = answers.filter((answer) => codeOf(answer) === "unavailable").length;
  const live = answers.filter((answer) => answer && "needsNewSession" in answer && !("sessionId" in answer)).length;
  const failed = answers.length - ids.filter((id) => id !== undefined).length - busy - live;
  const [successor] = successors;
  const count = successors.size === 1 ? `one successor: ${short(successor!)}` : `${successors.size || "no"} successors`;
  const others = [
    busy && `${busy} ${busy === 1 ? "was" : "were"} told to try again`,
    live && `${live} renewed nothing`,
    failed && `${failed} failed`,
  ];
  return [`${answers.length} answers, ${count}`, ...others.filter(Boolean)].join("; ");
}
