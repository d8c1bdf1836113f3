//! What a tool is: its declaration, its inputs and outputs, its entry in the served table.
