/** A replacement in a cell's source: lines from 1, columns from 0 in characters, the end is exclusive. */
export interface ITextEdit {
  cell: number;
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  text: string;
}

/** A code cell to be put in front of another one. */
export interface INewCell {
  before: number;
  source: string;
}

export type Edit = ITextEdit | INewCell;

export interface IDiagnostic {
  code: string;
  severity: 'error' | 'warning' | 'info';
  cell: number | null;
  line: number | null;
  message: string;
  fix: string;
  edits?: Edit[];
}

export interface ICellPart {
  index: number;
  role: string | null;
  defs: string[];
  refs: string[];
  part: string | null;
  why: string;
}

/** What `nbdeploy check` says of one notebook. */
export interface ICheck {
  ok: boolean;
  diagnostics: IDiagnostic[];
  cells: ICellPart[];
  flow: { from: number; to: number; names: string[] }[];
  input: string | null;
  output: string | null;
  bindings: Record<string, string>;
  frozen: Record<string, number>;
  assumed: string[];
  proposals: { cell: number; role: string; why: string }[];
}

export interface ILine {
  stage: string;
  state: string;
  text: string;
  done: number | null;
  total: number | null;
  seconds: number | null;
}

export interface IStage extends ILine {
  gates: ILine[];
}

export interface IAnswer {
  ok: boolean;
  name?: string;
  version?: string;
  package?: string;
  bento_tag?: string | null;
  diagnostics?: IDiagnostic[];
  gates?: { name: string; verdict: string; reason: string }[];
  /** A recorded row as the body of a request; null where the package holds none. */
  request?: unknown;
}

/** A deploy that the server has started. */
export interface IDeploy {
  id: string;
  path: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  stages: IStage[];
  answer: IAnswer | null;
}

/** A version that was deployed from here. */
export interface IVersion {
  name: string;
  version: string;
  /** When, as ISO 8601; versions of older releases of nbdeploy do not tell. */
  deployed: string | null;
  package: string | null;
  bento_tag: string | null;
  gates: { pass: number; fail: number; skip: number };
  pages: Page[];
  run: IRun | null;
}

/** A run of MLflow: its page, or else the command that shows it. */
export interface IRun {
  id: string;
  url: string | null;
  command: string | null;
}

export type Page = 'report.html' | 'validated.html';

export interface IColumn {
  name: string;
  dtype: string;
  nullable: boolean;
  required: boolean;
  categories: unknown[];
}

/** What a form needs to ask one version. */
export interface IAskable {
  input: { kind?: string; columns?: IColumn[] };
  examples: { request: Record<string, unknown>; predictions: unknown[] }[];
}

export interface IServed {
  state: 'starting' | 'ready' | 'failed' | 'stopped';
}

/** What the service said to one request, and how long it took. */
export interface IAnswered {
  status: number;
  answer: unknown;
  milliseconds: number;
}

/** Where the versions are, and who serves one of them to be tried. */
export interface IVersionSource {
  versions(name: string): Promise<IVersion[]>;
  aliases(name: string): Promise<Record<string, string[]>>;
  askable(name: string, version: string): Promise<IAskable>;
  serve(name: string, version: string): Promise<IServed>;
  end(name: string, version: string): Promise<IServed>;
  predict(name: string, version: string, body: unknown): Promise<IAnswered>;
  /** The address of a page that a deploy has left; null where it can't be opened from here. */
  address(name: string, version: string, page: Page): string | null;
}
