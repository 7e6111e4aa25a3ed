import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  IAnswered,
  IAskable,
  ICheck,
  IDeploy,
  IServed,
  IVersion,
  IVersionSource,
  Page
} from './api';

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

/** The versions, as Jupyter's server tells them. `kernel` says in whose Python a version is served. */
export class RestVersions implements IVersionSource {
  constructor(kernel: () => string) {
    this._kernel = kernel;
  }

  async versions(name: string): Promise<IVersion[]> {
    const answer = await read(`versions?${new URLSearchParams({ name })}`);
    return (answer as { versions: IVersion[] }).versions;
  }

  async aliases(name: string): Promise<Record<string, string[]>> {
    const answer = await read(`aliases?${new URLSearchParams({ name, kernel: this._kernel() })}`);
    return (answer as { aliases: Record<string, string[]> }).aliases;
  }

  askable(name: string, version: string): Promise<IAskable> {
    return read(`versions/${name}/${version}`) as Promise<IAskable>;
  }

  serve(name: string, version: string): Promise<IServed> {
    const body = { kernel: this._kernel() };
    return read(`versions/${name}/${version}/service`, 'POST', body) as Promise<IServed>;
  }

  end(name: string, version: string): Promise<IServed> {
    return read(`versions/${name}/${version}/service`, 'DELETE') as Promise<IServed>;
  }

  predict(name: string, version: string, body: unknown): Promise<IAnswered> {
    const route = `versions/${name}/${version}/service/predict`;
    return read(route, 'POST', body) as Promise<IAnswered>;
  }

  address(name: string, version: string, page: Page): string {
    const base = ServerConnection.makeSettings().baseUrl;
    return URLExt.join(base, 'nbdeploy', 'versions', name, version, page);
  }

  private readonly _kernel: () => string;
}

async function read(route: string, method = 'GET', body?: unknown): Promise<unknown> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  return (await ask(route, init)).json();
}
