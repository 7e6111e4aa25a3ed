import { afterEach, beforeEach, jest } from '@jest/globals';
import type { ICellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import { YNotebook } from '@jupyter/ydoc';

const open: YNotebook[] = [];

beforeEach(() => {
  jest.spyOn(console, 'warn').mockReturnValue(); // Yjs warns of how JupyterLab's documents make cells
});

afterEach(() => {
  jest.restoreAllMocks();
  open.splice(0).forEach(each => each.dispose());
});

/** A document of code cells as JupyterLab holds it, with its tags; `model` is as much of JupyterLab's own as is changed. */
export function notebook(...cells: readonly (string | [source: string, ...tags: string[]])[]) {
  const document = new YNotebook();
  open.push(document);
  for (const each of cells) {
    const [source, ...tags] = typeof each === 'string' ? [each] : each;
    document.addCell({ cell_type: 'code', source, metadata: tags.length ? { tags } : {} });
  }
  document.clearUndoHistory();
  return {
    document,
    model: { sharedModel: document } as unknown as INotebookModel,
    sources: () => document.cells.map(each => each.getSource())
  };
}

/** A cell of such a document, as the notebook's widgets know it. */
export function cell(document: YNotebook, index: number): ICellModel {
  const shared = document.getCell(index);
  return {
    type: shared.cell_type,
    sharedModel: shared,
    getMetadata: (key: string) => shared.getMetadata(key),
    setMetadata: (key: string, value: never) => shared.setMetadata(key, value),
    deleteMetadata: (key: string) => shared.deleteMetadata(key)
  } as unknown as ICellModel;
}
