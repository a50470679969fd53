import { Dashboard } from './dashboard.ts';
import { findById, findPart } from './find-part.ts';
import { PageAccess } from './page-access.ts';
import { Theme } from './theme.ts';

const header = findById('header');
const theme = new Theme(findPart(header, 'theme', HTMLSelectElement));
const access = await PageAccess.gain(header);
new Dashboard(theme, access).start();
