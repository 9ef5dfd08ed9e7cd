/** The question before a session is ended. A modal dialog: the browser holds the focus in it and gives it back. */

import { make, makeButton, write } from "./dom.js";
import type { Texts } from "./texts.js";

/** What is asked before sessions are ended. */
export interface Question {
  /** One by its id, this browser's, or all others. */
  what: "one" | "current" | "others";
  /** The session's id; `null` for all others. */
  id: string | null;
  /** What the session is called. */
  name: string;
  text: string;
  details: string;
}

export interface Dialog {
  element: HTMLElement;
  ask(question: Question): void;
  /** `busy` has the ids of what is being done. */
  show(texts: Texts, busy: Set<string | null>): void;
  /** What is asked now. */
  asked(): Question | undefined;
  /** Says why it could not be done, so that it can be tried again. */
  fail(text: string): void;
  close(): void;
}

export function createDialog(onConfirm: (question: Question) => void): Dialog {
  let question: Question | undefined;
  const text = make("p", "question");
  const details = make("p", "details");
  const failure = make("p", "failure");
  const cancel = makeButton("cancel", () => element.close());
  const confirm = makeButton("confirm", () => onConfirm(question!));
  const element = make("dialog", "dialog", text, details, failure, make("div", "choice", cancel, confirm));
  text.id = "question";
  details.id = "details";
  element.setAttribute("aria-labelledby", text.id);
  element.setAttribute("aria-describedby", details.id);
  failure.setAttribute("role", "alert");
  const fail = (why: string) => write(failure, why);
  return {
    element,
    ask(next) {
      question = next;
      write(text, next.text);
      write(details, next.details);
      fail("");
      element.showModal();
    },
    show(texts, busy) {
      write(cancel, texts.cancel);
      write(confirm, texts.signOut);
      // One that is disabled would lose the focus.
      confirm.setAttribute("aria-disabled", String(!!question && busy.has(question.id)));
    },
    asked: () => (element.open ? question : undefined),
    fail,
    close: () => element.close(),
  };
}
