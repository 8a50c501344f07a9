// Prints which features of the pages Gmail and Outlook for Windows do not know: support.mjs PAGE.html...
import fs from 'fs';
import path from 'path';
import { caniemail } from 'caniemail';

const result = {};
for (const file of process.argv.slice(2)) {
  const html = fs.readFileSync(file, 'utf8');
  const unsupported = client => {
    const found = caniemail({clients: [client], html});
    const issues = found.issues?.errors ?? found.errors;
    const list = issues?.get ? issues.get(client) ?? [] : [];
    return [...new Set(list.map(issue => issue.title))].sort();
  };
  result[path.basename(file, '.html')] = {gmail: unsupported('gmail.desktop-webmail'), outlook: unsupported('outlook.windows')};
}
console.log(JSON.stringify(result));
