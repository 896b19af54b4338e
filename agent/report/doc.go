// Package report says what happened, for people: of an incident or a test run
// what its record holds, of a month what its days and records come to.
//
// # The model
//
// A report is made once, as data (Story, Month); that is its JSON. From it and
// a language follows one document of paragraphs, tables and charts, and that
// is written as a page of HTML or as Markdown. So all three say the same.
//
// # Guarantees
//
// A page needs nothing but itself: no script, no image, no font, no address of
// anything. It prints on A4 in black and white: what is met or missed has a
// shape and a word, lines are told apart by their dashes. Names and notes are
// foreign text and are escaped, in HTML and in Markdown.
//
// What was not seen is said as such. A number that nobody measured is missing;
// where readings have a gap, a line has one.
//
// Every sentence is an agent.Words, in English and Czech; numbers, dates and
// units are written in the way of the language, times in the zone that is asked
// for, which the report names.
package report
