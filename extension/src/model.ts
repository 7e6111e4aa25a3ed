import { Notification } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { PartialJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';

import type { ICellPart, ICheck, IDeploy } from './api';
import { applyEdits, cellsOf } from './edits';
import { budgetOf, budgetText, firstLine, nameOf, said } from './panel';
import type { Checking, IFinding, IPanel, IRow, ISettings } from './panel';
import * as rest from './rest';
import { roleOf, setRole } from './roles';
import type { Role } from './roles';
import { Versions } from './versions';

/** What was sent to the server, by the index of the cell, and what it answered. */
interface IChecked {
  ids: string[];
  sources: string[];
  check: ICheck;
  findings: IFinding[];
}

/** What the sidebar shows of the notebook that is open, and what it does to it. The document is the only truth. */
export class SidebarModel implements IPanel, IDisposable {
  constructor(tracker: INotebookTracker) {
    this._tracker = tracker;
    this._painting = new Debouncer(() => this._changed.emit(), 40);
    this.versions = new Versions(new rest.RestVersions(() => this._kernel()));
    tracker.currentChanged.connect(this._onNotebook, this);
    this._onNotebook();
  }

  readonly versions: Versions;
  readonly editable = true;

  /** Milliseconds without a change before the notebook is checked. */
  set pause(milliseconds: number) {
    this._asking.dispose();
    this._asking = new Debouncer(() => this._check(), milliseconds);
    void this._asking.invoke();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get panel(): NotebookPanel | null {
    return this._panel;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  get checking(): Checking {
    return this._checking;
  }

  /** Why there is no answer of the server. */
  get problem(): string {
    return this._problem;
  }

  get check(): ICheck | null {
    return this._checked?.check ?? null;
  }

  get findings(): readonly IFinding[] {
    return this._checked?.findings ?? [];
  }

  get deploy(): IDeploy | null {
    return this._deploys.get(this.path) ?? null;
  }

  /** Whether the notebook is being saved and handed over. */
  get starting(): boolean {
    return this._starting;
  }

  /** The notebook's path as the server knows it. */
  get path(): string {
    const path = this._panel?.context.path ?? '';
    return path.includes(':') ? path.slice(path.indexOf(':') + 1) : path;
  }

  /** The code cells. A row that has not changed is the same object as before, so that it need not be drawn again. */
  get rows(): readonly IRow[] {
    const panel = this._panel;
    const notebook = panel?.content;
    if (!notebook?.model) {
      return [];
    }
    if (this._outdated) {
      this._rows = this._read();
      this._outdated = false;
    }
    const isSelected = (index: number) => {
      const widget = notebook.widgets[index];
      return widget !== undefined && notebook.isSelectedOrActive(widget);
    };
    this._rows = this._rows.map(row => {
      const selected = isSelected(row.index);
      const active = notebook.activeCellIndex === row.index;
      return row.selected === selected && row.active === active
        ? row
        : { ...row, selected, active };
    });
    return this._rows;
  }

  /** The settings that the notebook itself holds. */
  get settings(): ISettings {
    const held = this._held();
    const text = (key: string) => (typeof held[key] === 'string' ? (held[key] as string) : '');
    return {
      name: text('name'),
      input: text('input'),
      output: text('output'),
      budget: budgetText(held['budget'])
    };
  }

  /** The name that a deploy takes where the notebook holds none: of its file. */
  get likelyName(): string {
    return nameOf(this.path);
  }

  setSetting(key: keyof ISettings, value: string): void {
    const { [key]: _, ...rest } = this._held();
    const said = key === 'budget' ? budgetOf(value) : value.trim() || null;
    const held: PartialJSONObject = said === null ? rest : { ...rest, [key]: said };
    if (Object.keys(held).length) {
      this._panel?.content.model?.setMetadata('nbdeploy', held);
    } else {
      this._panel?.content.model?.deleteMetadata('nbdeploy');
    }
  }

  get predicts(): boolean {
    return this._rows.some(each => each.role === 'predict');
  }

  /** Give the selected code cells a role, as one step of the notebook's own undo. */
  setRole(role: Role | null): void {
    const model = this._panel?.content.model;
    const rows = this.rows.filter(each => each.selected);
    model?.sharedModel.transact(() => {
      rows.forEach(each => setRole(model.cells.get(each.index), role));
    });
  }

  undo(): void {
    this._panel?.content.model?.sharedModel.undo();
  }

  redo(): void {
    this._panel?.content.model?.sharedModel.redo();
  }

  /** Select one cell and show it. */
  async select(id: string): Promise<void> {
    const notebook = this._panel?.content;
    const index = this._indexOf(id);
    if (!notebook || index < 0) {
      return;
    }
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'smart');
  }

  /** Add one cell to the selection, or take it away. */
  toggle(id: string): void {
    const notebook = this._panel?.content;
    const widget = notebook?.widgets[this._indexOf(id)];
    if (!notebook || !widget) {
      return;
    }
    if (notebook.isSelected(widget)) {
      notebook.deselect(widget);
    } else {
      // The active cell counts as selected only until another one is: it is kept.
      if (notebook.activeCell) {
        notebook.select(notebook.activeCell);
      }
      notebook.select(widget);
      notebook.activeCellIndex = this._indexOf(id);
    }
  }

  /** Select all cells from the one where the selection began. */
  extendTo(id: string): void {
    const index = this._indexOf(id);
    if (index >= 0) {
      this._panel?.content.extendContiguousSelectionTo(index);
      void this._panel?.content.scrollToItem(index, 'smart');
    }
  }

  /** Put the cursor into a cell, at a line that is counted from 1. */
  async edit(id: string, line = 1): Promise<void> {
    await this.select(id);
    const notebook = this._panel?.content;
    const cell = notebook?.activeCell;
    if (!notebook || !cell) {
      return;
    }
    await cell.ready;
    notebook.mode = 'edit';
    cell.editor?.setCursorPosition({ line: line - 1, column: 0 });
    cell.editor?.focus();
  }

  /** The cell that stood at an index when the notebook was checked. */
  idAt(index: number | null): string | null {
    return index === null ? null : (this._checked?.ids[index] ?? null);
  }

  /** Whether the cells of a fix are as they were when it was found. */
  canFix(finding: IFinding): boolean {
    const checked = this._checked;
    const model = this._panel?.content.model;
    if (!checked || !model || !finding.edits?.length || this._checking === 'waiting') {
      return false;
    }
    return cellsOf(finding.edits).every(index => {
      const cell = index < model.cells.length ? model.cells.get(index) : null;
      return (
        cell?.id === checked.ids[index] && cell?.sharedModel.getSource() === checked.sources[index]
      );
    });
  }

  fix(finding: IFinding): void {
    const model = this._panel?.content.model;
    if (model && finding.edits && this.canFix(finding)) {
      applyEdits(model, finding.edits);
    }
  }

  /** Save the notebook, and deploy what was saved. */
  async startDeploy(): Promise<void> {
    const panel = this._panel;
    if (!panel || this._starting || this.deploy?.state === 'running') {
      return;
    }
    this._starting = true;
    this._emit();
    try {
      await panel.context.save();
      if (panel.content.model?.dirty) {
        throw new Error('The notebook could not be saved, and what is saved is what is deployed.');
      }
      this._follow(await rest.startDeploy(this.path, this._kernel()));
    } catch (reason) {
      Notification.error(`nbdeploy: ${said(reason)}`, { autoClose: 10000 });
    } finally {
      this._starting = false;
      this._emit();
    }
  }

  async cancelDeploy(): Promise<void> {
    const deploy = this.deploy;
    if (deploy?.state === 'running') {
      this._told(await rest.cancelDeploy(deploy.id));
    }
  }

  /** Take the end of a deploy off the sidebar. */
  forgetDeploy(): void {
    this._deploys.delete(this.path);
    this._emit();
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._asking.dispose();
    this._painting.dispose();
    Signal.clearData(this);
  }

  /** Read the code cells from the document, and what the server found of each. */
  private _read(): IRow[] {
    const parts = new Map<string, ICellPart>();
    this._checked?.check.cells.forEach(each => {
      const id = this._checked?.ids[each.index];
      if (id !== undefined) {
        parts.set(id, each);
      }
    });
    const found = new Map<string, IFinding[]>();
    this.findings.forEach(each => {
      if (each.id !== null) {
        found.set(each.id, [...(found.get(each.id) ?? []), each]);
      }
    });
    return [...(this._panel?.content.model?.cells ?? [])].flatMap((cell, index) =>
      cell.type !== 'code'
        ? []
        : [
            {
              id: cell.id,
              index,
              first: firstLine(cell.sharedModel.getSource()),
              role: roleOf(cell),
              selected: false,
              active: false,
              part: parts.get(cell.id) ?? null,
              found: found.get(cell.id) ?? []
            }
          ]
    );
  }

  /** Tell that something is to be painted; `rows` are read again where cells or findings have changed. */
  private _emit(): void {
    this._outdated = true;
    this._changed.emit();
  }

  private _held(): PartialJSONObject {
    const held: unknown = this._panel?.content.model?.getMetadata('nbdeploy');
    return typeof held === 'object' && held !== null ? (held as PartialJSONObject) : {};
  }

  /** The kernel's name: of the one that runs, or else the one that the document asks for. */
  private _kernel(): string {
    const running = this._panel?.sessionContext.session?.kernel?.name;
    if (running !== undefined) {
      return running;
    }
    const spec: unknown = this._panel?.content.model?.getMetadata('kernelspec');
    const name = (spec as { name?: unknown } | undefined)?.name;
    return typeof name === 'string' ? name : '';
  }

  private _indexOf(id: string): number {
    const cells = this._panel?.content.model?.cells;
    return cells ? [...cells].findIndex(each => each.id === id) : -1;
  }

  private _onNotebook(): void {
    const next = this._tracker.currentWidget;
    if (next === this._panel) {
      return;
    }
    this._disconnect();
    this._panel = next;
    this._checked = null;
    this._sent = '';
    this._checking = 'waiting';
    if (next) {
      void next.context.ready.then(() => this._showVersions());
      next.content.modelContentChanged.connect(this._onContent, this);
      next.content.activeCellChanged.connect(this._onSelection, this);
      next.content.selectionChanged.connect(this._onSelection, this);
      next.disposed.connect(this._onDisposed, this);
      void next.context.ready.then(() => this._onContent());
      void next.context.ready.then(() => this._findDeploy());
    }
    this._emit();
  }

  private _disconnect(): void {
    const panel = this._panel;
    if (panel && !panel.isDisposed) {
      panel.content.modelContentChanged.disconnect(this._onContent, this);
      panel.content.activeCellChanged.disconnect(this._onSelection, this);
      panel.content.selectionChanged.disconnect(this._onSelection, this);
      panel.disposed.disconnect(this._onDisposed, this);
    }
  }

  private _onDisposed(): void {
    this._panel = null;
    this._checked = null;
    this._emit();
  }

  private _showVersions(): void {
    this.versions.show(this.settings.name || this.likelyName);
  }

  private _onSelection(): void {
    void this._painting.invoke();
  }

  /** The signal comes before the notebook's widgets have followed: hence the pause before painting, too. */
  private _onContent(): void {
    this._outdated = true;
    void this._painting.invoke();
    void this._asking.invoke();
  }

  private async _check(): Promise<void> {
    const panel = this._panel;
    const model = panel?.content.model;
    if (!panel || !model || panel.isDisposed) {
      return;
    }
    const cells = [...model.cells];
    const sources = cells.map(each => each.sharedModel.getSource());
    const document = {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: model.sharedModel.metadata,
      cells: cells.map((each, index) => ({
        cell_type: each.type,
        id: each.id,
        metadata: { tags: each.getMetadata('tags') ?? [] },
        source: sources[index],
        ...(each.type === 'code' ? { outputs: [], execution_count: null } : {})
      }))
    };
    const text = JSON.stringify([this.path, document]);
    if (text === this._sent) {
      return; // outputs have changed, or widgets have moved
    }
    this._sent = text;
    this._checking = 'waiting';
    this._emit();
    this._showVersions();
    const ids = cells.map(each => each.id);
    try {
      const check = await rest.check(this.path, document);
      if (this._sent === text) {
        const at = (index: number | null) => (index === null ? null : (ids[index] ?? null));
        const findings = check.diagnostics.map(each => ({ ...each, id: at(each.cell) }));
        this._checked = { ids, sources, check, findings };
        this._checking = 'checked';
      }
    } catch (reason) {
      if (this._sent === text) {
        this._sent = '';
        this._checking = 'failed';
        this._problem = said(reason);
      }
    }
    this._emit();
  }

  /** A page that was loaded again finds the deploy that it had started. */
  private async _findDeploy(): Promise<void> {
    if (this.deploy) {
      return;
    }
    try {
      const running = (await rest.deploys()).find(
        each => each.path === this.path && each.state === 'running'
      );
      if (running) {
        this._follow(running);
      }
    } catch {
      return; // the check says so
    }
  }

  private _follow(deploy: IDeploy): void {
    this._told(deploy);
    void rest
      .followDeploy(deploy.id, state => this._told(state))
      .catch((reason: unknown) => {
        Notification.error(`nbdeploy: the deploy can't be watched any more: ${said(reason)}`);
      });
  }

  private _told(deploy: IDeploy): void {
    if (this._disposed) {
      return;
    }
    this._deploys.set(deploy.path, deploy);
    if (deploy.state === 'done' && deploy.path === this.path) {
      this.versions.reload(deploy.answer?.name);
    }
    this._changed.emit();
  }

  private readonly _tracker: INotebookTracker;
  private _asking = new Debouncer(() => this._check(), 350);
  private readonly _painting: Debouncer;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _deploys = new Map<string, IDeploy>();
  private _panel: NotebookPanel | null = null;
  private _checked: IChecked | null = null;
  private _checking: Checking = 'waiting';
  private _problem = '';
  private _rows: readonly IRow[] = [];
  private _outdated = true;
  private _sent = '';
  private _starting = false;
  private _disposed = false;
}
