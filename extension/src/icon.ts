import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M3 4.5h8v2H5v3H3zM3 19.5v-5h2v3h6v2z"/>
    <path d="M3 11h11V7l7 5-7 5v-4H3z"/>
  </g>
</svg>`;

export const deployIcon = new LabIcon({ name: 'nbdeploy:deploy', svgstr: SVG });
