import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { Badges } from './badges';
import { deployIcon } from './icon';
import { SidebarModel } from './model';
import { roleMenu } from './roleMenu';
import { ROLES } from './roles';
import type { Role } from './roles';
import { Sidebar } from './sidebar';

const CATEGORY = 'nbdeploy';
const NO_ARGUMENTS = { args: { type: 'object', properties: {} } } as const;

const PLUGIN = 'nbdeploy:plugin';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'Tags cells, shows what a deploy makes of them, and deploys, beside the notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer, ISettingRegistry, IToolbarWidgetRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    toolbars: IToolbarWidgetRegistry | null
  ) => {
    app.docRegistry.addWidgetExtension('Notebook', new Badges());
    const model = new SidebarModel(tracker);
    const sidebar = new Sidebar(model);
    app.shell.add(sidebar, 'right', { rank: 850, type: 'nbdeploy' });
    restorer?.add(sidebar, sidebar.id);
    toolbars?.addFactory<Cell>('Cell', 'nbdeploy-role', roleMenu);
    void settings?.load(PLUGIN).then(held => {
      const apply = () => applySettings(held.composite, model);
      held.changed.connect(apply);
      apply();
    });
    addCommands(app, model, sidebar).forEach(command => {
      palette?.addItem({ command, category: CATEGORY });
    });
  }
};

/** What is only drawn is switched by classes of the page, so that open notebooks follow at once. */
function applySettings(held: ISettingRegistry.ISettings['composite'], model: SidebarModel): void {
  document.body.classList.toggle('nbd-mod-noBadges', held['badges'] === false);
  document.body.classList.toggle('nbd-mod-noMenu', held['cellMenu'] === false);
  model.pause = Number(held['pause'] ?? 350);
}

/** Add the commands and return their names. */
function addCommands(app: JupyterFrontEnd, model: SidebarModel, sidebar: Sidebar): string[] {
  const isEnabled = () => model.panel !== null;
  const inSelection = (role: Role | null) =>
    model.rows.filter(each => each.selected).every(each => each.role === role);
  const commands = app.commands;
  const added: string[] = [];
  const add = (name: string, options: Parameters<typeof commands.addCommand>[1]) => {
    const id = `nbdeploy:${name}`;
    commands.addCommand(id, { describedBy: NO_ARGUMENTS, ...options });
    added.push(id);
  };
  add('show', {
    label: 'Show the nbdeploy sidebar',
    icon: deployIcon,
    execute: () => app.shell.activateById(sidebar.id)
  });
  ROLES.forEach(role => {
    add(role, {
      label: `Tag cells as ${role}`,
      isEnabled,
      isToggled: () => model.panel !== null && inSelection(role),
      execute: () => model.setRole(role)
    });
  });
  add('no-role', {
    label: 'Take the role of cells away',
    isEnabled,
    execute: () => model.setRole(null)
  });
  add('deploy', {
    label: 'Deploy this notebook',
    icon: deployIcon,
    isEnabled,
    execute: async () => {
      app.shell.activateById(sidebar.id);
      await model.startDeploy();
    }
  });
  add('cancel', {
    label: 'Cancel the deploy of this notebook',
    isEnabled: () => model.deploy?.state === 'running',
    execute: () => model.cancelDeploy()
  });
  return added;
}

export default plugin;
