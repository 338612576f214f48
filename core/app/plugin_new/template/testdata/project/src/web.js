const debug = true;
