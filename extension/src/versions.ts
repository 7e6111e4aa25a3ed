import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';

import type { IAnswered, IAskable, IVersion, IVersionSource } from './api';
import { said } from './panel';

/** A version that is served to be tried, and the last that it was asked. */
export interface ITrial {
  readonly version: IVersion;
  readonly state: 'starting' | 'ready' | 'failed';
  readonly problem: string;
  readonly askable: IAskable | null;
  readonly asking: boolean;
  readonly asked: unknown;
  readonly answered: IAnswered | null;
}

/** What was deployed under one name, the newest first, and the version that is tried now. */
export class Versions {
  constructor(source: IVersionSource) {
    this.source = source;
  }

  readonly source: IVersionSource;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get list(): readonly IVersion[] {
    return this._list;
  }

  /** What is tried of the service that is shown; a notebook that is shown again finds its form again. */
  get trial(): ITrial | null {
    return this._trials.get(this._name) ?? null;
  }

  isTried(version: IVersion): boolean {
    return isSame(this.trial?.version, version);
  }

  aliasesOf(version: IVersion): readonly string[] {
    return this._aliases[version.version] ?? [];
  }

  /** Show the versions of this service; the same name again changes nothing. */
  show(name: string): void {
    if (name !== this._name) {
      this._name = name;
      this._list = [];
      this._aliases = {};
      this.reload();
    }
  }

  /** Read the list anew: after a deploy, which may have been of another name. */
  reload(name = this._name): void {
    this._name = name;
    void this._read(name);
  }

  /** Serve a version, and show what it may be asked. */
  async serve(version: IVersion): Promise<void> {
    const { name, version: number } = version;
    this._tell({
      version,
      state: 'starting',
      problem: '',
      askable: null,
      asking: false,
      asked: null,
      answered: null
    });
    const trial = () => this._trials.get(name);
    const isMeant = () => isSame(trial()?.version, version);
    try {
      const [askable] = await Promise.all([
        this.source.askable(name, number),
        this.source.serve(name, number)
      ]);
      if (isMeant()) {
        this._tell({ ...trial()!, state: 'ready', askable });
      }
    } catch (reason) {
      if (isMeant()) {
        this._tell({ ...trial()!, state: 'failed', problem: said(reason) });
      }
    }
  }

  async ask(body: unknown): Promise<void> {
    const trial = this.trial;
    if (trial?.state !== 'ready' || trial.asking) {
      return;
    }
    const { name, version } = trial.version;
    this._tell({ ...trial, asking: true });
    let after: ITrial;
    try {
      const answered = await this.source.predict(name, version, body);
      after = { ...trial, asked: body, answered };
    } catch (reason) {
      after = { ...trial, state: 'failed', problem: said(reason) };
    }
    if (isSame(this._trials.get(name)?.version, trial.version)) {
      this._tell(after);
    }
  }

  /** End the service that is tried. */
  async end(): Promise<void> {
    const tried = this.trial?.version;
    if (tried) {
      this._trials.delete(tried.name);
      this._changed.emit();
      await this.source.end(tried.name, tried.version).catch(() => undefined);
    }
  }

  private async _read(name: string): Promise<void> {
    try {
      const list = await this.source.versions(name);
      if (name !== this._name) {
        return;
      }
      this._list = list;
      this._changed.emit();
      const aliases = list.length ? await this.source.aliases(name) : {};
      if (name === this._name) {
        this._aliases = aliases;
        this._changed.emit();
      }
    } catch {
      return; // the check says why there is no answer
    }
  }

  private _tell(trial: ITrial): void {
    this._trials.set(trial.version.name, trial);
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _name = '';
  private _list: readonly IVersion[] = [];
  private _aliases: Record<string, string[]> = {};
  private readonly _trials = new Map<string, ITrial>();
}

/** A list that was read again holds other objects of the same versions. */
function isSame(one: IVersion | undefined, other: IVersion): boolean {
  return one?.name === other.name && one.version === other.version;
}
