import type { IAskable, IColumn } from './api';

/** The texts of a form, by the name of their field. */
export type Fields = Record<string, string>;

const BODY = 'request'; // the one field of what is no table

export function isTable(askable: IAskable): boolean {
  return askable.input.kind === 'table' && !!askable.input.columns?.length;
}

/** The fields of a form: a column each of a table's first recorded row, else the whole body as JSON. */
export function fieldsOf(askable: IAskable, example: number): Fields {
  const request = askable.examples[example]?.request;
  if (!isTable(askable)) {
    return { [BODY]: JSON.stringify(request ?? {}, null, 1) };
  }
  const row = ((request?.['rows'] as Record<string, unknown>[] | undefined) ?? [])[0] ?? {};
  return Object.fromEntries(
    askable.input.columns!.map(each => [each.name, textOf(row[each.name], each)])
  );
}

/** The body that a form means; null where a field is no JSON. */
export function requestOf(askable: IAskable, fields: Fields): Record<string, unknown> | null {
  if (!isTable(askable)) {
    return parsed(fields[BODY] ?? '');
  }
  const values = askable.input
    .columns!.map(each => [each.name, valueOf(fields[each.name] ?? '', each)] as const)
    .filter(([, value]) => value !== undefined);
  return { rows: [Object.fromEntries(values)] };
}

function textOf(value: unknown, column: IColumn): string {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'string' && isText(column) ? value : JSON.stringify(value);
}

/** What a field's text means; undefined leaves the column out. What is no number is sent as it is: the service says so. */
function valueOf(text: string, column: IColumn): unknown {
  if (text === '') {
    return column.required && isText(column) && !column.nullable
      ? ''
      : column.required
        ? null
        : undefined;
  }
  if (isText(column)) {
    return text;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isText(column: IColumn): boolean {
  return !/^(u?int|float|bool|complex|Int|UInt|Float|boolean)/.test(column.dtype);
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
