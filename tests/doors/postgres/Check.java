import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Reads a unit with pgJDBC. Arguments: address, user, token, a statement that sums. */
public class Check {
    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery(arguments[3])) {
                rows.next();
                List<String> sums = new ArrayList<>();
                for (int column = 1; column <= rows.getMetaData().getColumnCount(); column++) {
                    sums.add(rows.getString(column));
                }
                System.out.println("sums=" + String.join("|", sums));
            }
            describe(connection.getMetaData());
            fetch(connection);
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("UPDATE sales SET n = 1");
            } catch (SQLException refused) {
                System.out.println("refused=" + refused.getSQLState());
            }
            // After many executions the driver prepares on the server and takes values in binary.
            try (PreparedStatement statement =
                    connection.prepareStatement("SELECT price, at, paid, weight FROM sales WHERE n = ? AND price < ?")) {
                for (int n = 0; n < 9; n++) {
                    statement.setLong(1, n);
                    statement.setBigDecimal(2, new BigDecimal("1000.5"));
                    try (ResultSet rows = statement.executeQuery()) {
                        boolean isThere = rows.next();
                        if (!isThere || rows.getBigDecimal(1).compareTo(new BigDecimal(n + ".0" + n)) != 0) {
                            throw new SQLException("row " + n + " is another");
                        }
                        rows.getTimestamp(2);
                        rows.getBoolean(3);
                        rows.getDouble(4);
                        rows.getMetaData().getColumnTypeName(1);
                        rows.getMetaData().isNullable(1);
                        rows.getMetaData().isAutoIncrement(1);
                    }
                }
            }
            if (!connection.isValid(10)) {
                throw new SQLException("the connection is not valid");
            }
        }
    }

    /** Reads in portions of a hundred rows. */
    static void fetch(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement("SELECT n FROM sales WHERE n >= ?")) {
            statement.setFetchSize(100);
            statement.setLong(1, 0);
            long sum = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    sum += rows.getLong(1);
                }
            }
            System.out.println("fetched=" + sum);
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void describe(DatabaseMetaData data) throws SQLException {
        print("tables", data.getTables(null, null, "%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME");
        print("columns", data.getColumns(null, "public", "sales", "%"),
                "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS");
        print("key", data.getPrimaryKeys(null, "public", "sales_latest"), "COLUMN_NAME");
        print("schemas", data.getSchemas(), "TABLE_SCHEM");
        data.getCatalogs().close();
        data.getIndexInfo(null, "public", "sales_latest", false, true).close();
        data.getImportedKeys(null, "public", "sales").close();
        data.getExportedKeys(null, "public", "sales").close();
        data.getTypeInfo().close();
        data.getTableTypes().close();
        data.getFunctions(null, null, "%").close();
        data.getTablePrivileges(null, "public", "sales").close();
        data.getBestRowIdentifier(null, "public", "sales_latest", 0, true).close();
        data.getMaxColumnNameLength();
    }

    static void print(String name, ResultSet rows, String... columns) throws SQLException {
        List<String> lines = new ArrayList<>();
        while (rows.next()) {
            List<String> values = new ArrayList<>();
            for (String column : columns) {
                values.add(rows.getString(column));
            }
            lines.add(String.join(" ", values));
        }
        rows.close();
        System.out.println(name + "=" + String.join(",", lines));
    }
}
