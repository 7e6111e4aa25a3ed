import { createElement } from 'react';
import { render as draw } from 'preact';

import { Body } from '../body';
import { WidgetModel } from './model';
import type { IKernelModel } from './model';

interface IView {
  model: IKernelModel;
  el: HTMLElement;
}

/** Show the panel in an output of the notebook: what anywidget calls. */
function render({ model, el }: IView): () => void {
  const panel = new WidgetModel(model);
  el.classList.add('nbd-Panel', 'nbd-Widget');
  el.setAttribute('role', 'region');
  el.setAttribute('aria-label', 'nbdeploy');
  draw(createElement(Body, { model: panel }) as never, el);
  return () => {
    draw(null, el);
    panel.dispose();
  };
}

export default { render };
