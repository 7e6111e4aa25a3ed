import type { ISignal } from '@lumino/signaling';

import type { ICellPart, ICheck, IDeploy, IDiagnostic } from './api';
import type { Role } from './roles';
import type { Versions } from './versions';

/** One code cell of the open notebook. */
export interface IRow {
  id: string;
  index: number;
  first: string;
  role: Role | null;
  selected: boolean;
  active: boolean;
  part: ICellPart | null;
  found: IFinding[];
}

/** A diagnostic, with the cell that it was found in: cells move, so by id. */
export interface IFinding extends IDiagnostic {
  id: string | null;
}

export interface ISettings {
  name: string;
  input: string;
  output: string;
  /** Limits as on the command line: `p99_ms=20 memory_mb=512`. */
  budget: string;
}

export type Checking = 'waiting' | 'checked' | 'failed';

/** What the views show, and what they ask for: of the notebook beside them, or of the one that they stand in. */
export interface IPanel {
  readonly changed: ISignal<unknown, void>;
  /** The notebook's path; empty while there is none. */
  readonly path: string;
  readonly rows: readonly IRow[];
  /** Whether cells can be given roles, shown and mended from here. */
  readonly editable: boolean;
  readonly checking: Checking;
  /** Why there is no answer of the server. */
  readonly problem: string;
  readonly check: ICheck | null;
  readonly findings: readonly IFinding[];
  readonly settings: ISettings;
  /** The name that a deploy takes where the notebook holds none: of its file. */
  readonly likelyName: string;
  readonly predicts: boolean;
  readonly deploy: IDeploy | null;
  /** Whether the notebook is being saved and handed over. */
  readonly starting: boolean;
  readonly versions: Versions;

  setRole(role: Role | null): void;
  undo(): void;
  redo(): void;
  /** Select one cell and show it. */
  select(id: string): Promise<void>;
  /** Add one cell to the selection, or take it away. */
  toggle(id: string): void;
  /** Select all cells from the one where the selection began. */
  extendTo(id: string): void;
  /** Put the cursor into a cell, at a line that is counted from 1. */
  edit(id: string, line?: number): Promise<void>;
  /** The cell that stood at an index when the notebook was checked. */
  idAt(index: number | null): string | null;
  /** Whether the cells of a fix are as they were when it was found. */
  canFix(finding: IFinding): boolean;
  fix(finding: IFinding): void;
  setSetting(key: keyof ISettings, value: string): void;
  startDeploy(): Promise<void>;
  cancelDeploy(): Promise<void>;
  /** Take the end of a deploy off the panel. */
  forgetDeploy(): void;
}

/** The first line that says something: of a comment only where there is nothing else. */
export function firstLine(source: string): string {
  const lines = source.split('\n').map(each => each.trim());
  return (
    lines.find(each => each && !each.startsWith('#') && !each.startsWith('%%')) ??
    lines.find(each => each) ??
    ''
  );
}

/** The limits that a text names; null where it names none, or something that is no limit. */
export function budgetOf(text: string): Record<string, number> | null {
  const limits = text
    .trim()
    .split(/[\s,]+/)
    .filter(each => each)
    .map(each => /^(\w+)=(\d+\.?\d*|\.\d+)$/.exec(each));
  if (!limits.length || limits.includes(null)) {
    return null;
  }
  return Object.fromEntries(limits.map(each => [each![1]!, Number(each![2])]));
}

export function budgetText(held: unknown): string {
  const limits = typeof held === 'object' && held !== null ? Object.entries(held) : [];
  return limits.map(([limit, value]) => `${limit}=${String(value)}`).join(' ');
}

export function said(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** The name of a service that a file's path suggests: as a deploy chooses it (`nbdeploy.suggestions.slug`). */
export function nameOf(path: string): string {
  const file = path.split('/').pop() ?? '';
  const plain = file.replace(/\.ipynb$/, '').toLowerCase();
  return plain
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
    .slice(0, 63);
}
