import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

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

/** The server has no nbdeploy, or its extension is switched off. */
export class NoServerSide extends Error {
  constructor() {
    super(
      "The server side of nbdeploy is not there: install nbdeploy in Jupyter's own environment and start Jupyter again."
    );
  }
}

async function ask(route: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 'nbdeploy', route);
  const response = await ServerConnection.makeRequest(
    url,
    signal ? { ...init, signal } : init,
    settings
  );
  if (response.ok) {
    return response;
  }
  const text = await response.text();
  let said: string | null = null;
  try {
    said = (JSON.parse(text) as { message?: string }).message ?? null;
  } catch {
    said = null;
  }
  if (response.status === 404 && (said === null || said === 'Not Found')) {
    throw new NoServerSide();
  }
  throw new Error(said ?? `${response.status} ${response.statusText}`);
}

export async function check(path: string, notebook: unknown): Promise<ICheck> {
  const body = JSON.stringify({ path, notebook });
  return (await ask('check', { method: 'POST', body })).json() as Promise<ICheck>;
}

export async function deploys(): Promise<IDeploy[]> {
  const answer = await (await ask('deploys', { method: 'GET' })).json();
  return (answer as { deploys: IDeploy[] }).deploys;
}

export async function startDeploy(path: string, kernel: string): Promise<IDeploy> {
  const body = JSON.stringify({ path, kernel });
  return (await ask('deploys', { method: 'POST', body })).json() as Promise<IDeploy>;
}

export async function cancelDeploy(id: string): Promise<IDeploy> {
  return (await ask(`deploys/${id}`, { method: 'DELETE' })).json() as Promise<IDeploy>;
}

/** Call `tell` with each state of a deploy until it has ended. */
export async function followDeploy(id: string, tell: (state: IDeploy) => void): Promise<void> {
  const response = await ask(`deploys/${id}`, { method: 'GET', cache: 'no-store' });
  const reader = response.body?.getReader();
  if (!reader) {
    return;
  }
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + decoder.decode(value, { stream: !done })).split('\n');
    rest = lines.pop() ?? '';
    const last = lines[lines.length - 1];
    if (last) {
      tell(JSON.parse(last) as IDeploy);
    }
    if (done) {
      return;
    }
  }
}
