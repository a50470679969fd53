import './page/locale.ts';
import { Dashboard } from './dashboard.ts';
import { findById, findPart } from './page/dom.ts';
import { PageAccess } from './page/page-access.ts';
import { Theme } from './page/theme.ts';

const header = findById('header');
const theme = new Theme(findPart(header, 'theme', HTMLSelectElement));
const access = await PageAccess.gain(header);
new Dashboard(theme, access).start();
