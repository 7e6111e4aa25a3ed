import type { IAnswered, IAskable, IServed, IVersion, IVersionSource } from '../api';
import type { IKernelModel } from './model';

interface IReply {
  id?: number;
  answer?: unknown;
  problem?: string;
}

interface IWaiting {
  done: (answer: unknown) => void;
  failed: (reason: Error) => void;
}

/** The kernel that this panel belongs to has ended; another one may run in its place. */
export class KernelGone extends Error {
  constructor() {
    super(
      'The kernel was restarted or has died, and what ran in this panel with it: run %load_ext nbdeploy and %nbdeploy again.'
    );
  }
}

/** Questions to the kernel's panel, each with a number that its answer brings back. */
export class Questions {
  constructor(kernel: IKernelModel) {
    this._kernel = kernel;
    kernel.on('msg:custom', this._onReply);
  }

  /** Ask, and wait for the answer; what the kernel refuses is thrown, and KernelGone where there is none to ask. */
  ask(call: string, ...args: unknown[]): Promise<unknown> {
    // Several views of one panel share its messages: random numbers keep their answers apart.
    const id = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    return new Promise((done, failed) => {
      this._waiting.set(id, { done, failed });
      try {
        this._kernel.send({ id, call, with: args });
      } catch {
        this._waiting.delete(id);
        failed(new KernelGone());
      }
    });
  }

  dispose(): void {
    this._kernel.off('msg:custom', this._onReply);
    this._waiting.clear();
  }

  private readonly _onReply = (reply: IReply): void => {
    const waiting = this._waiting.get(reply.id ?? -1);
    this._waiting.delete(reply.id ?? -1);
    if (reply.problem !== undefined) {
      waiting?.failed(new Error(reply.problem));
    } else {
      waiting?.done(reply.answer);
    }
  };

  private readonly _kernel: IKernelModel;
  private readonly _waiting = new Map<number, IWaiting>();
}

/** The versions, as the kernel's machine has them. Their pages are files there: no address leads to them. */
export class KernelVersions implements IVersionSource {
  constructor(questions: Questions) {
    this._questions = questions;
  }

  versions(name: string): Promise<IVersion[]> {
    return this._questions.ask('versions', name) as Promise<IVersion[]>;
  }

  aliases(name: string): Promise<Record<string, string[]>> {
    return this._questions.ask('aliases', name) as Promise<Record<string, string[]>>;
  }

  askable(name: string, version: string): Promise<IAskable> {
    return this._questions.ask('askable', name, version) as Promise<IAskable>;
  }

  serve(name: string, version: string): Promise<IServed> {
    return this._questions.ask('serve', name, version) as Promise<IServed>;
  }

  end(name: string, version: string): Promise<IServed> {
    return this._questions.ask('end', name, version) as Promise<IServed>;
  }

  predict(name: string, version: string, body: unknown): Promise<IAnswered> {
    return this._questions.ask('predict', name, version, body) as Promise<IAnswered>;
  }

  address(): null {
    return null;
  }

  private readonly _questions: Questions;
}
