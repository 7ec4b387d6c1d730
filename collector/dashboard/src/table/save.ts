// Gives a text to the person as a file.

/** `antivirus-2026-11-22.csv` */
export function save(name: string, text: string): void {
  const file = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = file;
  link.download = `${name}-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  URL.revokeObjectURL(file);
}
