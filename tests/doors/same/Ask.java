import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Asks a unit by pgJDBC. Arguments: address, user, token. One statement a line comes in; out goes a line of names, a line for each
 * row, and an empty line behind each answer. Cells stand between tabs; \N is null, \t, \n and \\ are written out.
 */
public class Ask {
    public static void main(String[] arguments) throws SQLException, IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
            for (String sql = in.readLine(); sql != null; sql = in.readLine()) {
                try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
                    answer(rows, out);
                }
            }
        }
        out.flush();
    }

    static void answer(ResultSet rows, PrintStream out) throws SQLException {
        ResultSetMetaData about = rows.getMetaData();
        StringBuilder line = new StringBuilder();
        for (int column = 1; column <= about.getColumnCount(); column++) {
            line.append(column == 1 ? "" : "\t").append(about.getColumnLabel(column));
        }
        out.println(line);
        while (rows.next()) {
            line.setLength(0);
            for (int column = 1; column <= about.getColumnCount(); column++) {
                line.append(column == 1 ? "" : "\t").append(written(rows.getString(column)));
            }
            out.println(line);
        }
        out.println();
    }

    static String written(String cell) {
        if (cell == null) {
            return "\\N";
        }
        return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }
}
