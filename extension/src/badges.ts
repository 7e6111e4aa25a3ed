import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';
import { DisposableDelegate } from '@lumino/disposable';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';

import { roleOf } from './roles';

/** Marks the tagged cells of every open notebook; the style sheet draws the badge. */
export class Badges implements DocumentRegistry.IWidgetExtension<NotebookPanel, INotebookModel> {
  createNew(panel: NotebookPanel): IDisposable {
    const paint = () => {
      panel.content.widgets.forEach(cell => {
        const role = roleOf(cell.model);
        if (role === null) {
          delete cell.node.dataset.nbdeployRole;
        } else {
          cell.node.dataset.nbdeployRole = role;
        }
      });
    };
    // The content's signal comes before the notebook's widgets have followed.
    const painting = new Debouncer(paint, 60);
    const later = () => void painting.invoke();
    panel.content.modelContentChanged.connect(later);
    void panel.context.ready.then(later);
    return new DisposableDelegate(() => {
      panel.content.modelContentChanged.disconnect(later);
      painting.dispose();
    });
  }
}
