const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/**
 * Puts a report between the markers of a document; where it has none, the report with its markers is the document.
 *
 * @param document undefined where there is none yet
 * @throws Error when it has one marker only, or the two in the wrong order
 */
export function spliceReport(document: string | undefined, report: string): string {
  const framed = `${BEGIN}\n\n${report}\n\n${END}`;
  const begin = document?.indexOf(BEGIN) ?? -1;
  const end = document?.indexOf(END) ?? -1;
  if (document === undefined || (begin < 0 && end < 0)) return `${framed}\n`;
  if (begin < 0 || end < begin)
    throw new Error(`the document needs ${BEGIN} and, behind it, ${END}`);
  return document.slice(0, begin) + framed + document.slice(end + END.length);
}
