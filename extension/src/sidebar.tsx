import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Body } from './body';
import { deployIcon } from './icon';
import type { SidebarModel } from './model';

/** The panel beside the notebook. */
export class Sidebar extends ReactWidget {
  constructor(model: SidebarModel) {
    super();
    this._model = model;
    this.id = 'nbdeploy-sidebar';
    this.addClass('nbd-Panel');
    this.title.icon = deployIcon;
    this.title.caption = 'nbdeploy: from this notebook to a service';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'nbdeploy');
  }

  protected render(): JSX.Element {
    return <Body model={this._model} />;
  }

  private readonly _model: SidebarModel;
}
