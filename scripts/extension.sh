#!/bin/sh
# Build the JupyterLab sidebar into nbdeploy/labextension, and show it to the JupyterLab of the virtual environment.
set -eu
venv=$(cd "${1:-.venv}" && pwd)
cd "$(dirname "$0")/.."

version=$(node --version 2>/dev/null || echo none)
major=${version#v}
if [ "$version" = none ] || [ "${major%%.*}" -lt 20 ]; then
    echo "extension: building the sidebar needs Node.js 20 or newer, and there is: $version (all else works without it)" >&2
    exit 3
fi
PATH=$venv/bin:$PATH
export PATH
(cd extension && jlpm install --immutable && jlpm build:prod)

# A link each, in place of a copy: what is built next is what JupyterLab loads.
mkdir -p "$venv/share/jupyter/labextensions" "$venv/etc/jupyter/jupyter_server_config.d"
rm -rf "$venv/share/jupyter/labextensions/nbdeploy"
ln -s "$PWD/nbdeploy/labextension" "$venv/share/jupyter/labextensions/nbdeploy"
ln -sf "$PWD/extension/jupyter-config/nbdeploy.json" "$venv/etc/jupyter/jupyter_server_config.d/nbdeploy.json"
echo "extension: built; \`$venv/bin/jupyter lab\` shows it in the right sidebar"
