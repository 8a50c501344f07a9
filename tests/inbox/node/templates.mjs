// Validates MJML strictly and renders it with the official engine: templates.mjs PAGE.mjml...
import fs from 'fs';
import path from 'path';
import mjml2html from 'mjml';

const result = {};
for (const file of process.argv.slice(2)) {
  const source = fs.readFileSync(file, 'utf8');
  const {html, errors} = await mjml2html(source, {validationLevel: 'soft', fonts: {}, keepComments: true});
  result[path.basename(file, '.mjml')] = {html, errors: errors.map(error => error.formattedMessage)};
}
console.log(JSON.stringify(result));
