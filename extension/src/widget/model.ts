import { Signal } from '@lumino/signaling';

import type { ICheck, IDeploy } from '../api';
import { budgetText, firstLine, nameOf, said } from '../panel';
import type { Checking, IFinding, IPanel, IRow, ISettings } from '../panel';
import { isRole } from '../roles';
import { Versions } from '../versions';
import { KernelGone, KernelVersions, Questions } from './questions';

/** What anywidget gives a view: the traits of the kernel's panel, and messages to it. */
export interface IKernelModel {
  get(name: string): unknown;
  on(name: string, call: (message: never) => void): void;
  off(name: string, call: (message: never) => void): void;
  send(message: unknown): void;
}

/** What the kernel reads in the notebook's file. */
interface ILook {
  cells: { index: number; role: string | null; source: string }[];
  settings: Record<string, unknown>;
  check: ICheck;
}

const PATIENCE = 4000; // milliseconds without an answer after which the kernel is said to be busy
const BEAT = 3000; // milliseconds between two looks at whether the kernel that deploys is still there
const BUSY =
  'The kernel has not answered yet: it is busy, or was restarted (then run %nbdeploy again).';

/** The notebook as its kernel sees it: the file that was saved. Cells can be looked at from here, not changed. */
export class WidgetModel implements IPanel {
  constructor(kernel: IKernelModel) {
    this._kernel = kernel;
    this._questions = new Questions(kernel);
    this.versions = new Versions(new KernelVersions(this._questions));
    kernel.on('change:deploy', this._onDeploy);
    kernel.on('change:changed', this._look);
    kernel.on('comm_live_update', this._onRestart);
    this._beat();
    void this._look();
  }

  readonly editable = false;
  readonly starting = false;
  readonly changed = new Signal<this, void>(this);
  readonly versions: Versions;
  checking: Checking = 'waiting';
  problem = '';
  check: ICheck | null = null;
  findings: readonly IFinding[] = [];
  rows: readonly IRow[] = [];
  settings: ISettings = { name: '', input: '', output: '', budget: '' };

  get path(): string {
    return this._kernel.get('path') as string;
  }

  get likelyName(): string {
    return nameOf(this.path);
  }

  get predicts(): boolean {
    return this.rows.some(each => each.role === 'predict');
  }

  get deploy(): IDeploy | null {
    const deploy = (this._kernel.get('deploy') as IDeploy | null) ?? null;
    return this._gone && deploy?.state === 'running' ? null : deploy; // it ended with its kernel
  }

  dispose(): void {
    this._kernel.off('change:deploy', this._onDeploy);
    this._kernel.off('change:changed', this._look);
    this._kernel.off('comm_live_update', this._onRestart);
    window.clearInterval(this._beating);
    this._questions.dispose();
    Signal.clearData(this);
  }

  async select(id: string): Promise<void> {
    this._select(each => each.id === id, id);
  }

  toggle(id: string): void {
    this._select(each => (each.id === id ? !each.selected : each.selected), id);
  }

  extendTo(id: string): void {
    const from = this.rows.findIndex(each => each.selected);
    const to = this.rows.findIndex(each => each.id === id);
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    this._select((_, at) => at >= first && at <= last, id);
  }

  edit(id: string): Promise<void> {
    return this.select(id);
  }

  idAt(index: number | null): string | null {
    return index === null ? null : String(index);
  }

  setSetting(key: keyof ISettings, value: string): void {
    this._said = { ...this._said, [key]: value.trim() };
    this.settings = { ...this.settings, [key]: value.trim() };
    this.versions.show(this.settings.name || this.likelyName);
    this.changed.emit();
  }

  async startDeploy(): Promise<void> {
    await this._ordered('deploy', this._said);
  }

  async cancelDeploy(): Promise<void> {
    await this._ordered('cancel');
  }

  forgetDeploy(): void {
    void this._ordered('forget');
  }

  // What a kernel can't do: the cells belong to the front end.
  setRole(): void {}
  undo(): void {}
  redo(): void {}
  fix(): void {}
  canFix(): boolean {
    return false;
  }

  private _select(isSelected: (row: IRow, at: number) => boolean, active: string): void {
    this.rows = this.rows.map((each, at) => ({
      ...each,
      selected: isSelected(each, at),
      active: each.id === active
    }));
    this.changed.emit();
  }

  private async _ordered(call: string, ...args: unknown[]): Promise<void> {
    await this._patiently(this._questions.ask(call, ...args));
  }

  private readonly _look = async (): Promise<void> => {
    await this._patiently(this._questions.ask('look').then(seen => this._seen(seen as ILook)));
  };

  /** Wait for the kernel; say so where that takes long, and what it refuses. */
  private async _patiently(answer: Promise<unknown>): Promise<void> {
    const waiting = window.setTimeout(() => this._say('failed', BUSY), PATIENCE);
    try {
      await answer;
      this._say(this.check ? 'checked' : 'waiting', '');
    } catch (reason) {
      this._gone ||= reason instanceof KernelGone;
      this._say('failed', said(reason));
    }
    window.clearTimeout(waiting);
  }

  private _say(checking: Checking, problem: string): void {
    [this.checking, this.problem] = [checking, problem];
    this.changed.emit();
  }

  private _seen({ cells, settings, check }: ILook): void {
    this.checking = 'checked';
    this.check = check;
    this.findings = check.diagnostics.map(each => ({
      ...each,
      edits: [],
      id: this.idAt(each.cell)
    }));
    const parts = new Map(check.cells.map(each => [each.index, each]));
    const before = new Map(this.rows.map(each => [each.id, each]));
    this.rows = cells.map(({ index, role, source }) => ({
      id: String(index),
      index,
      first: firstLine(source),
      role: isRole(role) ? role : null,
      selected: before.get(String(index))?.selected ?? false,
      active: before.get(String(index))?.active ?? false,
      part: parts.get(index) ?? null,
      found: this.findings.filter(each => each.cell === index)
    }));
    const text = (key: string) => (typeof settings[key] === 'string' ? settings[key] : '');
    const held = { name: text('name'), input: text('input'), output: text('output') };
    this.settings = { ...held, budget: budgetText(settings['budget']), ...this._said };
    this.versions.show(this.settings.name || this.likelyName);
  }

  /** While a deploy runs: a kernel that dies says nothing of it, but nothing can be sent to it any more. */
  private _beat(): void {
    window.clearInterval(this._beating);
    if (this.deploy?.state === 'running') {
      this._beating = window.setInterval(this._isThere, BEAT);
    }
  }

  private readonly _isThere = (): void => {
    this._questions.ask('here').catch((reason: unknown) => {
      if (reason instanceof KernelGone) {
        window.clearInterval(this._beating);
        this._gone = true;
        this._say('failed', reason.message);
      }
    });
  };

  // The event comes before the front end has let go of the kernel.
  private readonly _onRestart = (): void => void window.setTimeout(this._isThere);

  private readonly _onDeploy = (): void => {
    this._beat();
    if (this.deploy?.state === 'done') {
      this.versions.reload(this.deploy.answer?.name);
    }
    this.changed.emit();
  };

  private readonly _kernel: IKernelModel;
  private readonly _questions: Questions;
  private _said: Partial<ISettings> = {};
  private _gone = false;
  private _beating: number | undefined;
}
