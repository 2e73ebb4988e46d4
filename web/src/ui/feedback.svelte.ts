// What the console says and asks from anywhere: toasts, and questions that are answered before something is done.
//
//   toast(t('tasks.done'));
//   fail(Problem.of(thrown));
//   if (await confirm({ title, text, action: t('incidents.retry'), danger: true })) ...

import type { Problem } from '../api/problem';

export interface Toast {
  id: number;
  text: string;
  problem?: Problem;
  action?: { label: string; run: () => unknown };
}

export interface Question {
  title: string;
  text?: string;
  /** The word on the button that does it: what is done, never "OK". */
  action: string;
  /** The word on the other one. */
  cancel?: string;
  danger?: boolean;
}

class Feedback {
  toasts = $state.raw<Toast[]>([]);
  question = $state.raw<Question & { answer: (yes: boolean) => void }>();
  #number = 0;

  say(toast: Omit<Toast, 'id'>): void {
    const id = (this.#number += 1);
    this.toasts = [...this.toasts.slice(-2), { ...toast, id }];
    // A problem stays until it is read.
    if (!toast.problem) setTimeout(() => this.drop(id), 5_000);
  }

  drop(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  ask(question: Question): Promise<boolean> {
    this.question?.answer(false);
    return new Promise((resolve) => {
      this.question = {
        ...question,
        answer: (yes) => {
          this.question = undefined;
          resolve(yes);
        },
      };
    });
  }
}

export const feedback = new Feedback();

/** Says that something is done. */
export const toast = (text: string, action?: Toast['action']): void => feedback.say(action ? { text, action } : { text });
/** Says that something was refused, where there is no place beside what was pressed. */
export const fail = (problem: Problem): void => {
  if (!problem.isAborted) feedback.say({ text: problem.message, problem });
};
/** Asks before something that cannot be taken back. */
export const confirm = (question: Question): Promise<boolean> => feedback.ask(question);
