import type { IKernelModel } from '../widget/model';

interface IQuestion {
  id: number;
  call: string;
  with: unknown[];
}

/** The kernel's half of a widget: it keeps what was asked, and answers when it is told to, to all views. */
export class Kernel implements IKernelModel {
  readonly asked: IQuestion[] = [];
  readonly traits: Record<string, unknown> = { path: 'folder/churn.ipynb' };
  /** Jupyter's front ends let go of a dead kernel's messages: to send one throws. */
  dead = false;

  get(name: string): unknown {
    return this.traits[name];
  }

  on(name: string, call: (message: never) => void): void {
    this._views.set(call, name);
  }

  off(_: string, call: (message: never) => void): void {
    this._views.delete(call);
  }

  send(message: unknown): void {
    if (this.dead) {
      throw new Error('Cannot send');
    }
    this.asked.push(message as IQuestion);
  }

  /** Answer the question that was asked last. */
  answer(answer: unknown): void {
    this.say({ id: this.asked.at(-1)!.id, answer });
  }

  say(reply: unknown): void {
    this.tell('msg:custom', reply);
  }

  tell(event: string, message?: unknown): void {
    this._views.forEach((name, call) => name === event && call(message as never));
  }

  get views(): number {
    return this._views.size;
  }

  private readonly _views = new Map<(message: never) => void, string>();
}
